/** What a node writes of its subscriptions at once, and what becomes of one of which nothing can be written. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import type { CursorStore, Flush } from "../../src/subscriptions/CursorStore.ts"
import { Fetching } from "../../src/subscriptions/Fetching.ts"
import { makeWriting } from "../../src/subscriptions/Writing.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { Host, nothingLost, receiptsOf } from "./Host.ts"

const hosted = Effect.fnUntraced(function* (id: string) {
  const host = new Host("shared", { id, maxInFlight: 10_000 })
  host.log.append(
    0,
    Array.from({ length: 3 }, (_, n) => [null, `e${n}`] as const)
  )
  host.claim()
  host.join("a", 10_000)
  yield* host.run(12)
  host.sent("a")
  host.answer("a", "accept", 0, Number(id))
  return host
})

const written = (flush: (all: ReadonlyArray<Flush>) => ReturnType<CursorStore["Service"]["flush"]>) => {
  const writes: Array<ReadonlyArray<string>> = []
  const given: Array<string> = []
  const store = {
    flush: (all: ReadonlyArray<Flush>) => {
      writes.push(all.map(({ id }) => id))
      return flush(all)
    },
    give: (_: string, shares: ReadonlyArray<{ readonly id: string }>) =>
      Effect.sync(() => void given.push(...shares.map(({ id }) => id)))
  } as unknown as CursorStore["Service"]
  return { writes, given, made: makeWriting({ run: "a", store, wake: () => {} }) }
}

describe("Writing", () => {
  it.effect("WO2 one that the store refuses, or that can't be saved, holds up no other, and is given up", () =>
    Effect.gen(function* () {
      const hosts = yield* Effect.forEach(["1", "2", "3", "4"], (id) => hosted(id))
      const bad = failure("Internal", "that can't be")
      const { made, given } = written((all) => (all.some(({ id }) => id === "2") ? bad : Effect.succeed(nothingLost)))
      const { dirty, flush } = yield* made
      const [broken] = [...hosts[2]!.serving.machine.cursors]
      broken!.save = () => {
        throw new Error("it can't be saved")
      }
      for (const { serving } of hosts) dirty.add(serving)
      yield* flush
      const told = hosts.map((host) => receiptsOf(host.sent("a")).join())
      assert.deepStrictEqual(told, ["durable 1", "lost 2", "lost 3", "durable 4"])
      assert.deepStrictEqual(given.sort(), ["2", "3"])
      assert.deepStrictEqual(
        hosts.map(({ serving }) => serving.held.size),
        [1, 0, 0, 1]
      )
    })
  )

  it.effect("WO2 while the store is away all wait, and are written when it is back", () =>
    Effect.gen(function* () {
      const host = yield* hosted("1")
      let away = true
      const { made, writes } = written(() =>
        away ? failure("DatabaseUnavailable", "away") : Effect.succeed(nothingLost)
      )
      const { dirty, flush } = yield* made
      dirty.add(host.serving)
      assert.strictEqual((yield* Effect.flip(flush)).name, "DatabaseUnavailable")
      assert.deepStrictEqual(receiptsOf(host.sent("a")), [])
      away = false
      yield* flush
      assert.deepStrictEqual(receiptsOf(host.sent("a")), ["durable 1"])
      assert.strictEqual(dirty.size, 0)
      yield* flush
      assert.lengthOf(writes, 2)
    })
  )

  it.effect("WO1 what is large goes in several writes, with more rest behind each", () =>
    Effect.gen(function* () {
      const hosts = yield* Effect.forEach(["1", "2", "3"], (id) => hosted(id))
      for (const { serving } of hosts) {
        const [cursor] = [...serving.machine.cursors]
        const { save } = cursor!
        cursor!.save = (clean) => ({ ...save.call(cursor, clean), ranges: new Uint8Array(4_000_000) })
      }
      const { made, writes } = written(() => Effect.succeed(nothingLost))
      const { dirty, flush } = yield* made
      for (const { serving } of hosts) dirty.add(serving)
      const [first, second, third] = [yield* flush, yield* flush, yield* flush]
      assert.deepStrictEqual(writes, [["1", "2"], ["3"]])
      assert.isAbove(first!, second!)
      assert.isAbove(second!, 100)
      assert.strictEqual(third, 20)
    })
  )

  it.effect("FJ3 what is said while a partition is read is not forgotten", () =>
    Effect.gen(function* () {
      const host = new Host("shared")
      host.claim()
      const [cursor] = [...host.serving.machine.cursors]
      let reads = 0
      const empty = { epoch: 1, pieces: [], next: 0 }
      const its: Fetching = new Fetching({
        read: () =>
          Effect.sync(() => {
            if (++reads === 1) its.grown({ topic: 1, partition: 0 })
            return empty
          })
      } as unknown as Log)
      const wants = new Map([[cursor!, 0]])
      assert.isTrue(yield* its.fetch(host.serving, wants, () => true))
      assert.isFalse(yield* its.fetch(host.serving, wants, () => true))
      assert.isFalse(yield* its.fetch(host.serving, wants, () => true))
      assert.strictEqual(reads, 2)
      its.grown(undefined)
      yield* its.fetch(host.serving, wants, () => true)
      assert.strictEqual(reads, 3)
    })
  )
})
