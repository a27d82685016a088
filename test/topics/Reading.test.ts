/** Reading page by page, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { fromOf, placesText } from "../../src/topics/From.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import { Reading } from "../../src/topics/Reading.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const as = Effect.provideService(CurrentIdentity, system)
const encoder = new TextEncoder()
const some = (from: number, to: number, size = 0) =>
  Array.from({ length: to - from }, (_, n) => ({
    key: `k${from + n}`,
    payload: encoder.encode(String(from + n).padEnd(size, " ")),
    eventTime: null,
    headers: new Map<string, string>()
  }))
const all = { partition: undefined, limit: 10, wait: 0 }
/** What was begun goes on until it waits for time. */
const settled = Effect.promise(async () => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve))
})
const text = (payload: Uint8Array) => Number(new TextDecoder().decode(payload))

describe("reading", () => {
  it.effect("TK1 TK2 pages give every event once, in the order of each partition, whatever their limit", () =>
    Effect.gen(function* () {
      const reading = yield* Reading
      const publishing = yield* Publishing
      yield* (yield* Topics).create({ name: "t", partitions: 5 }, { message: "" })
      for (let n = 0; n < 300; n += 30) yield* publishing.publish({ topic: "t", events: some(n, n + 30) })
      for (const limit of [1, 7, 64, 1_000]) {
        const seen = new Map<number, Array<number>>()
        const values: Array<number> = []
        let from = "earliest"
        for (let live = false; !live; ) {
          const page = yield* reading.read({ ...all, topic: "t", from, limit })
          assert.isAtMost(page.events.length, limit)
          for (const { partition, offset, message } of page.events) {
            seen.set(partition, [...(seen.get(partition) ?? []), offset])
            values.push(text(message.payload))
          }
          live = page.live
          from = placesText(page.next)
        }
        for (const offsets of seen.values())
          assert.deepStrictEqual(
            offsets,
            offsets.map((_, n) => n)
          )
        assert.deepStrictEqual(
          values.toSorted((a, b) => a - b),
          Array.from({ length: 300 }, (_, n) => n)
        )
      }
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TK2 a page ends before two megabytes and an event", () =>
    Effect.gen(function* () {
      const reading = yield* Reading
      const publishing = yield* Publishing
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      for (let n = 0; n < 6; n += 3) yield* publishing.publish({ topic: "t", events: some(n, n + 3, 900_000) })
      const { events, next } = yield* reading.read({ ...all, topic: "t", from: "earliest" })
      assert.isAtMost(events.length, 2)
      const rest = yield* reading.read({ ...all, topic: "t", from: placesText(next) })
      assert.strictEqual(rest.events[0]?.offset, events.length)
    }).pipe(as, Effect.provide(given))
  )

  it.effect("A3 TK2 one that waits is not answered any more once its key was revoked", () =>
    Effect.gen(function* () {
      const reading = yield* Reading
      const access = yield* Access
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      const wanted = { name: "eve", role: "viewer", environments: ["*"], expiresAt: null } as const
      const { token, key } = yield* access.createKey(wanted)
      const identity = yield* access.authenticate({ token })
      const wait = reading.read({ ...all, topic: "t", from: "latest", wait: 30_000 })
      const waiting = yield* Effect.forkChild(Effect.provideService(wait, CurrentIdentity, identity), {
        startImmediately: true
      })
      yield* settled
      yield* access.revokeKey(key.id)
      yield* (yield* Publishing).publish({ topic: "t", events: some(0, 1) })
      yield* TestClock.adjust("1 second")
      const ended = yield* Effect.exit(Fiber.join(waiting))
      assert.isTrue(Exit.isFailure(ended), "it was given what came")
      assert.include(JSON.stringify(ended), "KeyRevoked")
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TK2 one that waits is woken by what comes, or ends with nothing; too many are refused", () =>
    Effect.gen(function* () {
      const reading = yield* Reading
      const publishing = yield* Publishing
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      const wait = reading.read({ ...all, topic: "t", from: "latest", wait: 20_000 })
      const waiting = yield* Effect.forEach([1, 2], () => Effect.forkChild(wait, { startImmediately: true }))
      yield* settled
      assert.strictEqual((yield* Effect.flip(wait)).name, "ReadsBusy")
      yield* publishing.publish({ topic: "t", events: some(0, 3) })
      yield* TestClock.adjust("1 second")
      yield* settled
      for (const fiber of waiting) assert.lengthOf((yield* Fiber.join(fiber)).events, 3)
      const late = yield* Effect.forkChild(wait, { startImmediately: true })
      yield* settled
      yield* TestClock.adjust("21 seconds")
      const { events, live } = yield* Fiber.join(late)
      assert.deepStrictEqual([events.length, live], [0, true])
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TK1 what was removed is told as a gap", () =>
    Effect.gen(function* () {
      const reading = yield* Reading
      const topic = yield* (yield* Topics).create({ name: "t" }, { message: "" })
      yield* (yield* Publishing).publish({ topic: "t", events: some(0, 10) })
      const { next } = yield* reading.read({ ...all, topic: "t", from: "earliest", limit: 2 })
      yield* (yield* Logs).of("postgres")!.trim({ topic: topic.id, partition: 0 }, 6)
      const page = yield* reading.read({ ...all, topic: "t", from: placesText(next) })
      const [gap] = page.gaps
      assert.deepInclude(gap, { partition: 0, from: 2, why: "retention" })
      assert.strictEqual(page.events[0]?.offset, gap?.to)
    }).pipe(as, Effect.provide(given))
  )

  it("TK4 a beginning is read as it is written, and nothing else is one", () => {
    const places = new Map([
      [0, { epoch: 1_764_225_600, offset: 42 }],
      [255, { epoch: 1, offset: Number.MAX_SAFE_INTEGER }]
    ])
    assert.deepStrictEqual(fromOf(placesText(places)), { at: "places", places })
    assert.deepStrictEqual(fromOf("1764225600000"), { at: "time", millis: 1_764_225_600_000 })
    assert.deepStrictEqual(fromOf("2026-11-27T06:00:00+01:00"), {
      at: "time",
      millis: Date.parse("2026-11-27T05:00:00Z")
    })
    for (const wrong of [
      "",
      "-1",
      "now",
      "~",
      "~0.0.0",
      "~0.1.1_0.1.2",
      "~zz.1.1",
      "t:0:1:-1",
      "2026-11-27",
      "9".repeat(17)
    ])
      assert.isString(fromOf(wrong), wrong)
  })
})
