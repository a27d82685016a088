import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { State } from "../../layers/Memory/State.ts"
import * as TopicStore from "../../layers/Memory/topics/TopicStore.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Fanout } from "../../src/fanout/Fanout.ts"
import type { Sink } from "../../src/fanout/Reader.ts"
import { EVERYTHING } from "../../src/marketdata/Criteria.ts"
import { MarketStreams } from "../../src/marketdata/MarketStreams.ts"

/** Readers that never hear anything; the ones that are open. */
const open = new Map<string, Sink>()
let others = 0
const fanout = Layer.succeed(
  Fanout,
  Fanout.of({
    open: ({ topic }, sink) =>
      Effect.sync(() => {
        open.set(topic, sink)
        return () => open.delete(topic)
      }),
    drain: Effect.sync(() => others++),
    size: () => open.size,
    readersOf: () => 0
  })
)
const layer = MarketStreams.layer({ topics: ["ticks/*"] }).pipe(
  Layer.provide([fanout, TopicStore.layer.pipe(Layer.provide(State.layer))])
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
