/** Streams of `PublishMany` that have to end while something in them waits. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Clock, Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import {
  PublishManyRequest,
  type PublishManyResponse
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { ByteBudget } from "../../../../src/bounds/ByteBudget.ts"
import { Commits } from "../../../../src/commits/Commits.ts"
import { Answers, WINDOW } from "../../../../src/edge/grpc/publishing/Answers.ts"
import { Messages } from "../../../../src/edge/grpc/publishing/Messages.ts"
import type { CallListener } from "../../../../src/edge/grpc/ServerCall.ts"
import { type BothDoors, openBoth } from "../../../support/BothDoors.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

/** Commits of `first` wait until they are let go. */
const held = async (doors: BothDoors) => {
  const commits = await doors.runtime.runPromise(Commits)
  const { commit } = commits
  const first = Latch.makeUnsafe(false)
  const begun: Array<string> = []
  vi.spyOn(commits, "commit").mockImplementation(((release: Parameters<typeof commit>[0]) => {
    const { key } = release.changes[0]!
    begun.push(key)
    return key === "first" ? Effect.andThen(first.await, commit(release)) : commit(release)
  }) as never)
  return { begun, letGo: () => first.openUnsafe() }
}

const opener = (doors: BothDoors, as: string) => {
  const client = doors.client()
  return (...keys: ReadonlyArray<string>) => {
    const state = { answers: 0, details: undefined as string | undefined }
    const stream = client.publishMany(doors.metadataOf(as))
    stream.on("data", ({ results }: PublishManyResponse) => {
      state.answers += results.length
    })
    stream.on("error", () => {})
    stream.on("status", ({ details }) => {
      state.details = details
    })
    stream.write(PublishManyRequest.fromPartial({ items: keys.map((key) => ({ key, value: "1", type: "json" })) }))
    return state
  }
}

const revoke = (doors: BothDoors, id: string) =>
  doors.runtime.runPromise(
    Effect.flatMap(Access, (access) => access.revokeKey(id)).pipe(Effect.provideService(CurrentIdentity, system))
  )

describe("PublishMany", () => {
  it("PM5 what waited for room when its API key ended is not begun, and what has no answer may be committed", async () => {
    const doors = await openBoth()
    await doors.mint("machine", "publisher", ["*"])
    const { begun, letGo } = await held(doors)
    const state = opener(doors, "machine")("first", ...Array.from({ length: WINDOW - 1 }, (_, n) => `k.${n}`), "late")
    await waitUntil("a full window", () => begun.length === WINDOW)
    await revoke(doors, doors.ids.get("machine")!)
    await waitUntil("the end of the stream", () => state.details !== undefined)
    letGo()
    const { status: late } = await doors.call("GET", "/v1/config/late?environment=production")
    await doors.close()

    assert.match(state.details!, /HRLD-4006.* the API key [0-9a-f]+ is no longer good, and the first item without/)
    assert.deepStrictEqual([state.answers, begun.length, late], [0, WINDOW, 404])
  })

  it("PM7 who finds no room is read no further, and goes on when there is some", async () => {
    const doors = await openBoth()
    await doors.mint("machine", "publisher", ["*"])
    const { begun } = await held(doors)
    const { take } = ByteBudget.prototype
    let full = 0
    const spied = vi.spyOn(ByteBudget.prototype, "take").mockImplementation(function (this: ByteBudget, bytes, owner) {
      if (owner !== "machine" || full > 2) return take.call(this, bytes, owner)
      full++
      assert.isEmpty(begun)
      return false
    })
    const state = opener(doors, "machine")("a", "b")
    await waitUntil("both answers", () => state.answers === 2)
    spied.mockRestore()
    await doors.close()
    assert.deepStrictEqual([full, begun], [3, ["a", "b"]])
  })

  for (const [what, idle, said] of [
    ["at all", 600_001, /HRLD-4004.* nothing came for 10 minutes/],
    ["of the rest of a value", 30_001, /HRLD-4004.* the rest of a value did not come within 30 s/]
  ] as const)
    it(`PM8 a stream on which nothing comes ${what} for long is ended; what came is answered`, async () => {
      const doors = await openBoth()
      const stream = doors.client().publishMany(doors.metadataOf("admin"))
      let [answers, details] = [0, ""]
      stream.on("data", ({ results }: PublishManyResponse) => {
        answers += results.length
      })
      stream.on("error", () => {})
      stream.on("status", (status) => {
        details = status.details
      })
      const items = ["a", "b"].map((key) => ({ key, value: "1", type: "json" }))
      stream.write(PublishManyRequest.fromPartial({ items, more: idle < 600_000 }))
      const expected = idle < 600_000 ? 1 : 2
      await waitUntil("what was whole", () => answers === expected)
      const silent = vi.spyOn(Messages.prototype, "silentFor", "get").mockReturnValue(idle)
      await waitUntil("the end of the stream", () => details !== "")
      silent.mockRestore()
      await doors.close()
      assert.match(details, said)
      assert.strictEqual(answers, expected)
    })

  it("PM8 a stream whose client takes no answers is ended, and gives back its place", async () => {
    const doors = await openBoth()
    const streams = Array.from({ length: 32 }, () => doors.client().publishMany(doors.metadataOf("admin")))
    const ended = streams.map(
      (stream) =>
        new Promise<string>((resolve) => {
          stream.on("data", () => {})
          stream.on("error", () => {})
          stream.on("status", ({ details }) => resolve(details))
          stream.write(PublishManyRequest.fromPartial({ items: [{ key: "a", value: "1", type: "json" }] }))
        })
    )
    await waitUntil("all places to be taken", async () => (await doors.many([])).code !== 0)
    const stuck = vi.spyOn(Answers.prototype, "stuckFor", "get").mockReturnValue(60_001)
    const said = await Promise.all(ended)
    stuck.mockRestore()
    const after = await doors.many([])
    await doors.close()
    for (const details of said) assert.match(details, /HRLD-4004.* its answers were not taken for 60 s/)
    assert.strictEqual(after.code, 0)
  })

  it.effect(
    "PM8 a client is silent while its next message is awaited, and not while one is worked on, also where the clock jumps",
    () =>
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        let jump = 0
        const jumping: Clock.Clock = Object.assign(Object.create(clock), {
          currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + jump
        })
        let listener: CallListener | undefined
        const call = { hear: (told: CallListener) => (listener = told), read: () => {} }
        const messages = new Messages(call, jumping, () => {})
        const next = yield* Effect.forkChild(messages.next, { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        jump = 3_600_000
        assert.strictEqual(messages.silentFor, 5_000)
        listener!.message(Buffer.from(""))
        yield* Fiber.join(next)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(messages.silentFor, 0)
      })
  )

  it("PM5 a stream that begins while the server leaves is told to go at once", async () => {
    const doors = await openBoth()
    const { begun } = await held(doors)
    const open = opener(doors, "admin")
    const before = open("first")
    await waitUntil("the first commit", () => begun.length === 1)
    const closed = doors.runtime.dispose() // which waits for the first
    const late = open("late")
    await waitUntil("the end of both", () => before.details !== undefined && late.details !== undefined)
    await closed
    await doors.close()

    assert.include(late.details, "HRLD-5001")
    assert.deepStrictEqual(begun, ["first"])
  })

  it("PM3 the bytes of items are given back, whatever became of them", async () => {
    const doors = await openBoth({ ratePerSecond: 1_000_000, rateBurst: 1_000_000 })
    // Each counts half a megabyte, and a principal has 48 MiB.
    const item = { key: "a", value: "1", type: "json", message: "m".repeat(250_000) }
    const { results, code } = await doors.many(Array.from({ length: 120 }, () => ({ items: [item as never] })))
    await doors.close()

    assert.deepStrictEqual([results.length, code], [120, 0])
  })

  it("PM5 the place of a stream is given back when it ends", async () => {
    const doors = await openBoth()
    const codes = new Set<number>()
    for (let n = 0; n < 40; n++) codes.add((await doors.many([])).code)
    await doors.close()

    assert.deepStrictEqual([...codes], [0])
  })

  it("PM5 of a principal's keys each has its streams to itself", async () => {
    const doors = await openBoth()
    await doors.mint("machine", "publisher", ["*"])
    const first = doors.ids.get("machine")!
    const ended = opener(doors, "machine")("a")
    await doors.mint("machine", "publisher", ["*"])
    const other = opener(doors, "machine")("b")
    await waitUntil("both answers", () => ended.answers + other.answers === 2)
    await revoke(doors, first)
    await waitUntil("the end of its stream", () => ended.details !== undefined)
    const left = other.details
    await doors.close()

    assert.include(ended.details, "HRLD-5005")
    assert.isUndefined(left)
  })

  it("PM5 what was under way when the server left is answered before the end", async () => {
    const doors = await openBoth()
    const { begun, letGo } = await held(doors)
    const state = opener(doors, "admin")("first")
    await waitUntil("the commit", () => begun.length === 1)
    const closed = doors.runtime.dispose()
    const late = opener(doors, "admin")("late") // told to go once the server leaves
    await waitUntil("the server to leave", () => late.details !== undefined)
    letGo()
    await waitUntil("the end of the stream", () => state.details !== undefined)
    await closed
    await doors.close()

    assert.strictEqual(state.answers, 1)
    assert.include(state.details, "HRLD-5001")
  })

  it("PM4 PM5 an item that its principal's rate delays is not begun any more when its API key ends", async () => {
    const doors = await openBoth({ ratePerSecond: 0.001, rateBurst: 20 })
    await doors.mint("machine", "publisher", ["*"])
    const state = opener(doors, "machine")(...Array.from({ length: 10 }, (_, n) => `k.${n}`))
    await waitUntil("what the rate allows", () => state.answers === 3) // the call is one, each item five, of twenty
    await revoke(doors, doors.ids.get("machine")!)
    await waitUntil("the end of the stream", () => state.details !== undefined)
    await doors.close()

    assert.include(state.details, "HRLD-5005")
    assert.strictEqual(state.answers, 3)
  })
})
