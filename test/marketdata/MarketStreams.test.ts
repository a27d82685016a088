import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as MemoryMarketStore from "../../layers/Memory/marketdata/MarketStore.ts"
import { State } from "../../layers/Memory/State.ts"
import * as TopicStore from "../../layers/Memory/topics/TopicStore.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { forbidden } from "../../src/access/Refusal.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Fanout } from "../../src/fanout/Fanout.ts"
import type { Sink } from "../../src/fanout/Reader.ts"
import { EVERYTHING } from "../../src/marketdata/Criteria.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { MarketStreams, type Told } from "../../src/marketdata/MarketStreams.ts"
import { traded } from "../support/MarketDays.ts"
import { trade } from "../support/Trades.ts"

/** Readers that never hear anything; the ones that are open. */
const open = new Map<string, Sink>()
let others = 0
const fanout = Layer.succeed(
  Fanout,
  Fanout.of({
    open: ({ topic }, sink) =>
      topic === "ticks/secret"
        ? Effect.fail(forbidden("topics", "no"))
        : Effect.sync(() => {
            open.set(topic, sink)
            return () => open.delete(topic)
          }),
    drain: Effect.sync(() => others++),
    size: () => open.size,
    readersOf: () => 0
  })
)
const layer = MarketStreams.layer({ topics: ["ticks/*"] }).pipe(
  Layer.provideMerge(Layer.mergeAll(fanout, TopicStore.layer, MemoryMarketStore.layer).pipe(Layer.provide(State.layer)))
)
const wish = {
  criteria: EVERYTHING,
  topics: ["ticks/a", "ticks/b"],
  start: () => ({ from: "latest" as const }),
  overflow: "block" as const
}
const listener = (ended: Array<string>) => ({
  write: () => true,
  drained: () => {},
  end: ({ name }: HeraldError) => {
    ended.push(name)
  }
})

describe("MarketStreams", () => {
  it.effect(
    "MZ7 who names symbols is told those that its topics told nothing of, and nothing where that can't be known",
    () =>
      Effect.gen(function* () {
        const streams = yield* MarketStreams
        const said = (symbols: ReadonlyArray<string>, topics = wish.topics, open = streams.open) =>
          Effect.suspend(() => {
            const all: Array<Told> = []
            const one = { ...listener([]), write: (told: Told) => all.push(told) > 0 }
            const opened = open({ ...wish, topics, criteria: { ...EVERYTHING, symbols } }, one)
            return Effect.map(Effect.exit(opened), ({ _tag }): ReadonlyArray<unknown> => [_tag, ...all])
          })
        const unheard = (...symbols: ReadonlyArray<string>) => ["Success", { kind: "unheard", symbols }]
        yield* traded("ticks/a", [trade({ symbol: "AAPL" }), trade({ symbol: "KO" })])
        // Of the other topic nothing is known yet.
        assert.deepStrictEqual(yield* said(["AAPL", "APPL"]), ["Success"])
        assert.deepStrictEqual(yield* said(["AAPL", "APPL"], ["ticks/a"]), unheard("APPL"))
        yield* traded("ticks/b", [trade({ symbol: "MSFT" })])
        assert.deepStrictEqual(yield* said(["APPL", "AAPL", "MSFT", "NONE", "APPL"]), unheard("APPL", "NONE"))
        assert.deepStrictEqual(yield* said(["MSFT"], ["ticks/a"]), unheard("MSFT"))
        assert.deepStrictEqual(yield* said(["KO"]), ["Success"])
        assert.deepStrictEqual(yield* said([]), ["Success"])
        yield* traded("ticks/secret", [trade({ symbol: "HID" })])
        assert.deepStrictEqual(yield* said(["HID", "APPL"], ["ticks/secret"]), ["Failure"])
        const store = yield* MarketStore
        const away = MarketStore.of({ ...store, heard: () => Effect.fail(failure("DatabaseUnavailable", "away")) })
        const others = MarketStreams.layer({ topics: ["ticks/*"] }).pipe(
          Layer.provide(Layer.succeed(MarketStore, away))
        )
        const without = yield* Effect.gen(function* () {
          return (yield* MarketStreams).open
        }).pipe(Effect.provide(others))
        assert.deepStrictEqual(yield* said(["APPL"], ["ticks/a"], without), ["Success"])
      }).pipe(Effect.provide(layer), Effect.provideService(CurrentIdentity, system))
  )

  it.effect(
    "MZ6 when the node leaves those who listen end, once, nobody comes any more, and other readers are left alone",
    () =>
      Effect.gen(function* () {
        const streams = yield* MarketStreams
        const ended: Array<string> = []
        const closed: Array<string> = []
        yield* streams.open(wish, listener(ended))
        const close = yield* streams.open({ ...wish, topics: ["ticks/c"] }, listener(closed))
        assert.strictEqual(open.size, 3)
        close()
        yield* streams.drain
        yield* streams.drain
        assert.deepStrictEqual(ended, ["Draining"])
        assert.deepStrictEqual(closed, [])
        assert.strictEqual(open.size, 0)
        assert.strictEqual(others, 0)
        assert.strictEqual((yield* Effect.flip(streams.open(wish, listener(ended)))).name, "Draining")
      }).pipe(Effect.provide(layer), Effect.provideService(CurrentIdentity, system))
  )
})
