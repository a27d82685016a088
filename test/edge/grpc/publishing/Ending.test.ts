/** Streams of `PublishMany` that have to end while something in them waits. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Latch } from "effect"
import {
  PublishManyRequest,
  type PublishManyResponse
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Commits } from "../../../../src/commits/Commits.ts"
import { WINDOW } from "../../../../src/edge/grpc/publishing/Answers.ts"
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

describe("PublishMany", () => {
  it("PM5 what waited for room when its API key ended is not begun, and what has no answer may be committed", async () => {
    const doors = await openBoth()
    await doors.mint("machine", "publisher", ["*"])
    const { begun, letGo } = await held(doors)
    const state = opener(doors, "machine")("first", ...Array.from({ length: WINDOW - 1 }, (_, n) => `k.${n}`), "late")
    await waitUntil("a full window", () => begun.length === WINDOW)
    await doors.runtime.runPromise(
      Effect.flatMap(Access, (access) => access.revokeKey(doors.ids.get("machine")!)).pipe(
        Effect.provideService(CurrentIdentity, system)
      )
    )
    await waitUntil("the end of the stream", () => state.details !== undefined)
    letGo()
    const { status: late } = await doors.call("GET", "/v1/config/late?environment=production")
    await doors.close()

    assert.match(state.details!, /HRLD-4006.* the API key machine is no longer valid, and the first item without/)
    assert.deepStrictEqual([state.answers, begun.length, late], [0, WINDOW, 404])
  })

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
})
