import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import * as EphemeralLog from "../../layers/Memory/topics/EphemeralLog.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import * as Projectors from "../../src/marketdata/Projectors.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { events, newTopic } from "../support/Topics.ts"

const MINUTE = 60_000
/** The beginning of a minute. */
const begin = Date.UTC(2026, 10, 27, 10)
const options = { topics: ["ticks/*"], keepMillis: 30 * 86_400_000 }

/** A node of its own on the database. Returns what it gives, and what ends it. */
const node = Effect.fnUntraced(function* (state: State) {
  const scope = yield* Scope.make()
  const layer = Layer.fresh(
    Projectors.layer(options).pipe(
      Layer.provideMerge(Logs.layer),
      Layer.provide(EphemeralLog.layer({ partitionBytes: 1_048_576, allBytes: 1_048_576 }))
    )
  ).pipe(Layer.provideMerge(Memory.layerOn(state)))
  const context = yield* Layer.buildWithScope(layer, scope)
  return { context, end: Scope.close(scope, Exit.void) }
})

const tick = (id: number, seconds: number, price: string) =>
  JSON.stringify({
    ...{ type: "trade", exchange: "KRAKEN", symbol: "A", id: String(id), price, size: "1" },
    ts_event: `${String(begin + 1_000 * seconds)}000000`
  })

const say = Effect.fnUntraced(function* (topic: number, partition: number, ...texts: ReadonlyArray<string>) {
  const log = yield* TopicLog
  yield* log.append({ topic, partition, events: events(...texts), compression: "none", producing: undefined })
})

const days = Effect.gen(function* () {
  const query = { symbol: "A", topics: ["*"], exchanges: ["KRAKEN"], interval: "1d", sessions: ["regular"] } as const
  const rows = yield* (yield* MarketStore).bars(query, { from: 0, until: begin + 2 * 86_400_000, limit: 9 })
  return rows.map(({ bar }) => `${decimalText(bar.volume)} ${bar.trades}`)
})

/** Lets time go on until it holds; gives up after an hour of it. */
const until = <R>(what: string, holds: Effect.Effect<boolean, unknown, R>) =>
  Effect.gen(function* () {
    for (let seconds = 0; seconds < 3_600; seconds++) {
      if (yield* Effect.orDie(holds)) return
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    assert.fail(`it never came: ${what}`)
  })

const test = <E>(name: string, body: (state: State) => Effect.Effect<void, E>) =>
  it.effect(name, () =>
    Effect.andThen(
      TestClock.setTime(begin + MINUTE),
      Effect.flatMap(
        Effect.sync(() => new State()),
        body
      )
    )
  )

describe("Projectors", () => {
  test("MP1 partitions are put together on the node whose turn it is, and on the other when that one ends", (state) =>
    Effect.gen(function* () {
      const [one, other] = [yield* node(state), yield* node(state)]
      const on = <A, E>(effect: Effect.Effect<A, E, MarketStore | TopicLog | TopicStore>) =>
        Effect.provide(effect, one.context)
      const { id } = yield* on(newTopic({ name: "ticks/a", partitions: 4 }))
      yield* on(newTopic({ name: "other/a" }))
      for (const part of [0, 1, 2, 3]) yield* on(say(id, part, tick(part, part, "10")))
      const is = (said: string) => Effect.map(on(days), (all) => all[0] === said)
      yield* until("all partitions are in the bars", is("4 4"))
      const turns = yield* Context.get(one.context, Placement).turns
      assert.deepStrictEqual(
        turns.map(({ name }) => name),
        [0, 1, 2, 3].map((part) => `market-data/${id}/${part}`)
      )
      assert.isAbove(new Set(turns.map(({ run }) => run)).size, 1)
      yield* other.end
      for (const part of [0, 1, 2, 3]) yield* on(say(id, part, tick(10 + part, part, "10")))
      yield* until("what came afterwards is in them once", is("8 8"))
      yield* one.end
    }))

  test("MP1 MP2 a topic that is deleted is not put together any more, and one that comes is", (state) =>
    Effect.gen(function* () {
      const one = yield* node(state)
      const on = <A, E>(effect: Effect.Effect<A, E, MarketStore | TopicLog | TopicStore>) =>
        Effect.provide(effect, one.context)
      const names = Effect.map(Context.get(one.context, Placement).turns, (all) => all.map(({ name }) => name).join())
      const first = yield* on(newTopic({ name: "ticks/a" }))
      yield* until(
        "it is registered",
        Effect.map(names, (all) => all === `market-data/${first.id}/0`)
      )
      yield* Context.get(one.context, TopicStore).remove("ticks/a")
      const second = yield* on(newTopic({ name: "ticks/b" }))
      yield* until(
        "the other one is instead",
        Effect.map(names, (all) => all === `market-data/${second.id}/0`)
      )
      yield* on(say(second.id, 0, tick(1, 1, "10")))
      yield* until(
        "its events are in bars",
        Effect.map(on(days), (all) => all[0] === "1 1")
      )
      yield* one.end
    }))

  test("MJ5 a feed that is silent ends its last bars, and one that never said anything has none", (state) =>
    Effect.gen(function* () {
      const one = yield* node(state)
      const on = <A, E>(effect: Effect.Effect<A, E, MarketStore | TopicLog | TopicStore>) =>
        Effect.provide(effect, one.context)
      const { id } = yield* on(newTopic({ name: "ticks/a", partitions: 2 }))
      yield* on(say(id, 0, tick(1, 1, "10")))
      const watermark = (partition: number) =>
        Effect.flatMap(MarketStore, (store) =>
          Effect.map(store.cursor({ topic: id, partition }), (at) => at?.watermark)
        )
      yield* until(
        "its watermark is behind the end of the minute",
        Effect.map(on(watermark(0)), (at) => at !== undefined && at >= BigInt(begin + MINUTE + 15_000) * 1_000_000n)
      )
      assert.strictEqual(yield* on(watermark(1)), 0n)
      yield* one.end
    }))

  test("MP3 of more partitions than may be, those of the first topics are put together", (state) =>
    Effect.gen(function* () {
      const one = yield* node(state)
      const ids: Array<number> = []
      for (const name of ["ticks/c", "ticks/a", "ticks/b"])
        ids.push((yield* Effect.provide(newTopic({ name, partitions: 256 }), one.context)).id)
      const turns = Context.get(one.context, Placement).turns
      yield* until(
        "as many as may be are registered",
        Effect.map(turns, (all) => all.length >= Projectors.PARTITIONS)
      )
      yield* TestClock.adjust("10 seconds")
      const names = (yield* Effect.orDie(turns)).map(({ name }) => name)
      assert.lengthOf(names, Projectors.PARTITIONS)
      assert.deepStrictEqual(
        names.filter((name) => name.startsWith(`market-data/${ids[0]}/`)),
        []
      )
      yield* one.end
    }))
})
