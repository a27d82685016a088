/** Calls of `Publish` and `PublishMany` at a real door: order, rates, deadlines, and how they end. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js"
import { Effect, Latch } from "effect"
import {
  Problem,
  PublishManyRequest,
  type PublishManyResponse,
  PublishRequest,
  type PublishResult
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Commits } from "../../../../src/commits/Commits.ts"
import { type BothDoors, type Item, openBoth, outcomeOf } from "../../../support/BothDoors.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

const json = (key: string, value: string, more: Item = {}): Item => ({ key, value, type: "json", ...more })
const codes = (results: ReadonlyArray<PublishResult>) => results.map((one) => outcomeOf(one).code)
const messages = (...items: ReadonlyArray<ReadonlyArray<Item>>) => items.map((its) => ({ items: its as never }))

const opened = (doors: BothDoors, as = "admin") => {
  const stream = doors.client().publishMany(doors.metadataOf(as))
  const state = { results: [] as Array<PublishResult>, code: undefined as number | undefined, details: "" }
  stream.on("data", ({ results }: PublishManyResponse) => state.results.push(...results))
  stream.on("error", () => {})
  stream.on("status", ({ code, details }) => Object.assign(state, { code, details }))
  return {
    stream,
    state,
    say: (...items: ReadonlyArray<Item>) => stream.write(PublishManyRequest.fromPartial({ items: items as never }))
  }
}

/** Commits of `key` wait until they are let go. */
const gated = async (doors: BothDoors, key: string) => {
  const commits = await doors.runtime.runPromise(Commits)
  const { commit } = commits
  const gate = Latch.makeUnsafe(false)
  const begun: Array<string> = []
  vi.spyOn(commits, "commit").mockImplementation(((release: Parameters<typeof commit>[0]) => {
    const its = release.changes[0]!.key
    begun.push(its)
    return its === key ? Effect.andThen(gate.await, commit(release)) : commit(release)
  }) as never)
  return { begun, open: () => gate.openUnsafe() }
}

/** Commits wait until they are let go; `left` counts those that were given up before. */
const held = async (doors: BothDoors) => {
  const commits = await doors.runtime.runPromise(Commits)
  const { commit } = commits
  const state = { begun: 0, left: 0, until: [] as Array<bigint | undefined> }
  vi.spyOn(commits, "commit").mockImplementation(((release: Parameters<typeof commit>[0]) => {
    state.begun++
    state.until.push(release.until)
    return Effect.onInterrupt(Effect.never, () => Effect.sync(() => state.left++))
  }) as never)
  return state
}

describe("PublishMany", () => {
  it("PM1 answers each item in its order, and goes on after one that fails", async () => {
    const doors = await openBoth()
    const { results, code } = await doors.many(
      messages(
        [json("a", "{}"), json("b", "no json"), json("c", "1")],
        [],
        [json("b", "2"), { key: "a b", value: "x" }],
        [json("a", "1", { expectedVersion: 7n }), json("d", "3")]
      )
    )
    await doors.close()

    assert.deepStrictEqual(codes(results), ["OK", "HRLD-1003", "OK", "OK", "HRLD-1002", "HRLD-2002", "OK"])
    const [, second] = results
    assert.strictEqual(second?.outcome?.$case === "problem" && second.outcome.value.status, status.INVALID_ARGUMENT)
    assert.strictEqual(code, status.OK)
  })

  it("PM1 what is no message ends the stream, after the answers to what came before", async () => {
    const doors = await openBoth()
    const rest = await doors.many([...messages([json("a", "1")]), { rest: "x" }])
    const half = await doors.many([{ items: [json("a", "2")] as never, more: true }])
    const many = await doors.many(
      messages(
        [json("a", "3")],
        Array.from({ length: 1_001 }, () => json("a", "1"))
      )
    )
    await doors.close()

    assert.deepStrictEqual(
      [rest, half, many].map(({ results, code }) => [codes(results), code]),
      [
        [["OK"], status.INVALID_ARGUMENT],
        [[], status.INVALID_ARGUMENT],
        [["OK"], status.INVALID_ARGUMENT]
      ]
    )
  })

  it("PM2 items of one key happen in their order, and others don't wait", async () => {
    const doors = await openBoth()
    const gates = await gated(doors, "a")
    const { state, say } = opened(doors)
    say(json("a", "1"), json("b", "1"), json("a", "2"), json("a", "3", { expectedVersion: 2n }))
    await waitUntil("those that don't wait", () => gates.begun.length === 2)
    gates.open()
    await waitUntil("all answers", () => state.results.length === 4)
    const { body } = await doors.call("GET", "/v1/config/a?environment=production")
    await doors.close()

    assert.deepStrictEqual(gates.begun, ["a", "b", "a", "a"])
    assert.deepStrictEqual(
      state.results.map((one) => outcomeOf(one).version),
      [1, 1, 2, 3]
    )
    assert.strictEqual(body.value, 3)
  })

  it("PM2 variables happen between what came before and what comes after", async () => {
    const doors = await openBoth()
    const gates = await gated(doors, "before")
    const { state, say } = opened(doors)
    say(
      json("before", "1"),
      json("herald.variables", '{"who":"world"}'),
      { key: "after", value: "{{who}}", type: "string" },
      json("elsewhere", "1", { environment: "staging" })
    )
    await waitUntil("those that don't wait", () => gates.begun.length === 2)
    gates.open()
    await waitUntil("all answers", () => state.results.length === 4)
    await doors.close()

    assert.deepStrictEqual(codes(state.results), ["OK", "OK", "OK", "OK"])
    assert.deepStrictEqual(gates.begun, ["before", "elsewhere", "herald.variables", "after"])
  })

  it("PX2 a publish costs the same at either door", async () => {
    const doors = await openBoth({ ratePerSecond: 0.001, rateBurst: 20 })
    await doors.mint("caller", "publisher", ["*"])
    await doors.mint("browser", "publisher", ["*"])
    const calls: Array<string> = []
    const requests: Array<string> = []
    for (let n = 0; n < 5; n++) {
      const { error } = await doors.unary(json(`call.${n}`, "1"), "caller")
      calls.push(error === undefined ? "OK" : String(error.metadata.get("herald-code")[0]))
      const path = `/v1/config/request.${n}?environment=production`
      const { status: said, body } = await doors.call("PUT", path, { as: "browser", body: { value: 1 } })
      requests.push(said === 200 ? "OK" : body.code)
    }
    await doors.close()

    // Each is five of twenty at once.
    assert.deepStrictEqual(calls, ["OK", "OK", "OK", "OK", "HRLD-3003"])
    assert.deepStrictEqual(requests, calls)
  })

  it("PM4 a stream over its rate is read more slowly, and nothing in it is refused", async () => {
    const doors = await openBoth({ ratePerSecond: 200, rateBurst: 20 })
    const items = Array.from({ length: 40 }, (_, n) => json(`m.${n}`, "1"))
    const { results } = await doors.many(messages(items))
    await doors.close()

    assert.deepStrictEqual(codes(results), Array(40).fill("OK"))
  })

  it("PM4 a message costs something, whether an item is whole with it or not", async () => {
    const doors = await openBoth({ ratePerSecond: 0.001, rateBurst: 20 })
    const { results } = await doors.many(messages(...Array<[]>(11).fill([]), [json("a", "1")]))
    const { error } = await doors.unary(json("b", "1"))
    await doors.close()

    assert.deepStrictEqual(codes(results), ["OK"])
    assert.strictEqual(error?.metadata.get("herald-code")[0], "HRLD-3003")
  })

  it("PM5 a stream ends when its API key does, and publishes nothing more", async () => {
    const doors = await openBoth()
    await doors.mint("machine", "publisher", ["*"])
    const { state, say } = opened(doors, "machine")
    say(json("a", "1"))
    await waitUntil("an answer", () => state.results.length === 1)
    await doors.runtime.runPromise(
      Effect.flatMap(Access, (access) => access.revokeKey(doors.ids.get("machine")!)).pipe(
        Effect.provideService(CurrentIdentity, system)
      )
    )
    await waitUntil("the end of the stream", () => state.code !== undefined)
    await doors.close()

    assert.match(state.details, /^HRLD-5005/)
    assert.strictEqual(state.results.length, 1)
  })

  it("PM5 when the server leaves, what was begun is answered, and then the stream is told to go", async () => {
    const doors = await openBoth()
    const { state, say } = opened(doors)
    say(json("a", "1"), json("b", "2"))
    await waitUntil("the first answers", () => state.results.length === 2)
    await doors.close()
    await waitUntil("the end of the stream", () => state.code !== undefined)

    assert.deepStrictEqual([state.code, state.details.slice(0, 9)], [status.UNAVAILABLE, "HRLD-5001"])
  })

  it("PM5 a principal has so many streams", async () => {
    const doors = await openBoth()
    const all = Array.from({ length: 33 }, () => opened(doors))
    for (const [n, { say }] of all.entries()) say(json(`s.${n}`, "1"))
    await waitUntil("an answer or an end of each", () =>
      all.every(({ state }) => state.results.length + (state.code ?? 0) > 0)
    )
    const full = all.filter(({ state }) => state.code === status.RESOURCE_EXHAUSTED)
    for (const { stream } of all) stream.cancel()
    await doors.close()

    assert.strictEqual(full.length, 1)
  })

  it("PM6 PX3 nothing is kept doing for a client that left, or whose deadline is over", async () => {
    const doors = await openBoth()
    const state = await held(doors)
    const { stream, say } = opened(doors)
    say(json("a", "1"), json("b", "1"), json("a", "2"))
    const waiting = doors.unary(json("c", "1"), "admin", Date.now() + 60_000)
    await waitUntil("three commits", () => state.begun === 3) // the second of `a` waits for the first
    stream.cancel()
    await waitUntil("the stream's to be given up", () => state.left === 2)
    const late = await doors.unary(json("d", "1"), "admin", Date.now() + 200)
    await waitUntil("the call's to be given up", () => state.left === 3)
    const now = process.hrtime.bigint()
    void waiting
    await doors.close()

    assert.strictEqual(late.error?.code, status.DEADLINE_EXCEEDED)
    assert.strictEqual(state.begun, 4)
    const [ofStream, , ofCall, ofLate] = state.until
    assert.isUndefined(ofStream)
    assert.isTrue(ofCall! > now && ofCall! < now + 61_000_000_000n)
    assert.isTrue(ofLate! <= now)
  })
})

describe("Publish", () => {
  it("G9 text that is not UTF-8 is refused, and not published otherwise than it came", async () => {
    const doors = await openBoth()
    const client = new Client(`127.0.0.1:${doors.port}`, credentials.createInsecure())
    const bytes = PublishRequest.encode(PublishRequest.fromPartial({ key: "a", type: "string" })).finish()
    const value = Buffer.from([0x1a, 3, 0x61, 0xff, 0x62]) // field 3, three bytes
    const same = (message: Buffer) => message
    const error = await new Promise<ServiceError | null>((resolve) =>
      client.makeUnaryRequest(
        "/herald.publishing.v1.PublishingService/Publish",
        same,
        same,
        Buffer.concat([bytes, value]),
        doors.metadataOf("admin"),
        (failed) => resolve(failed)
      )
    )
    const { status: found } = await doors.call("GET", "/v1/config/a?environment=production")
    client.close()
    await doors.close()

    assert.deepStrictEqual([error?.code, found], [status.INVALID_ARGUMENT, 404])
  })

  it("PX1 a failure has its problem in the status's details", async () => {
    const doors = await openBoth()
    await doors.unary(json("a", "1"))
    const { error } = await doors.unary(json("a", "2", { expectedVersion: 7n }))
    const { body } = await doors.call("PUT", "/v1/config/a?environment=production", {
      body: { value: 2, expectedVersion: 7 }
    })
    await doors.close()

    const bytes = error!.metadata.get("grpc-status-details-bin")[0] as Buffer
    // Go and others show this message instead of grpc-message.
    assert.include(bytes.toString("latin1"), error!.details)
    assert.match(error!.details, /^HRLD-\d{4} /)
    // google.rpc.Status: 1 code, 2 message, 3 details; google.protobuf.Any: 1 type_url, 2 value
    const url = "type.googleapis.com/herald.publishing.v1.Problem"
    const at = bytes.indexOf(url)
    assert.isAbove(at, 0)
    assert.deepStrictEqual([bytes[0], bytes[1]], [0x08, status.FAILED_PRECONDITION])
    const problem = Problem.decode(bytes.subarray(bytes.indexOf(body.code, at) - 2))
    assert.deepInclude(problem, {
      code: body.code,
      status: status.FAILED_PRECONDITION,
      detail: body.detail,
      fix: body.fix
    })
    assert.deepStrictEqual(JSON.parse(problem.detailsJson), body.details)
  })
})
