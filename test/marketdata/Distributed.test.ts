import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Data } from "../../src/marketdata/Decoding.ts"
import * as Distributed from "../../src/marketdata/Distributed.ts"
import type { LogEvent } from "../../src/outbox/Event.ts"
import { EventLog } from "../../src/outbox/EventLog.ts"
import { layerTestSeal } from "../support/Seal.ts"
import { decimal, TEN, trade } from "../support/Trades.ts"

const quote = { kind: "quote", bid: undefined, ask: undefined } as const
const data = (offset: number): Data => ({
  ...{ kind: "data", topic: "t", partition: 0, epoch: 1, next: offset + 2, leftOut: 0, at: 100 },
  ticks: [
    { tick: trade({ symbol: "A", price: 187_230_000_000n, size: decimal("0.5") }), offset },
    { tick: { ...trade({ symbol: "B" }), ...quote }, offset: offset + 1 }
  ],
  notified: { count: 1, at: 107 }
})

const test = (
  name: string,
  distributed: Distributed.DistributedOptions["distributed"],
  body: (note: (data: Data) => void, events: ReadonlyArray<LogEvent>) => Effect.Effect<void>
) =>
  it.effect(name, () => {
    const events: Array<LogEvent> = []
    const log = Layer.succeed(EventLog, { publish: (some) => Effect.sync(() => void events.push(...some)) })
    const layer = Distributed.layer({ node: "n1", distributed }).pipe(Layer.provide([layerTestSeal, log]))
    return Effect.flatMap(Distributed.Distributed, ({ note }) => body(note, events)).pipe(Effect.provide(layer))
  })

describe("Distributed", () => {
  test(
    "MO1 MO2 of a sample the newest are told, one event of each batch, with those who were told until then",
    "sampled",
    (note, events) =>
      Effect.gen(function* () {
        for (let n = 0; n < 1_000; n++) note(data(2 * n))
        const last = data(2_000)
        note(last)
        last.notified.count = 7
        yield* TestClock.adjust("10 seconds")
        assert.lengthOf(events, Distributed.SAMPLE)
        const offsets = events.map(({ body }) => JSON.parse(body).distribution.offset)
        assert.sameMembers(
          offsets,
          Array.from({ length: Distributed.SAMPLE }, (_, n) => 2_001 - 2 * n)
        )
        const told = JSON.parse(events[offsets.indexOf(2_001)]!.body)
        assert.deepStrictEqual(told.distribution, {
          ...{ topic: "t", partition: 0, offset: 2_001, message_id: "t:0:1:2001", subscribers_notified: 7 },
          distribution_latency_ms: 7
        })
        assert.deepInclude(told.data, { type: "quote", symbol: "B", price: null, volume: null })
        note(data(9_000))
        yield* TestClock.adjust("10 seconds")
        assert.lengthOf(events, Distributed.SAMPLE + 1)
      })
  )

  test(
    "MO1 of all each event is told with its price, and of too many batches those that came first",
    "complete",
    (note, events) =>
      Effect.gen(function* () {
        for (let n = 0; n < Distributed.BATCHES + 5; n++) note(data(2 * n))
        yield* TestClock.adjust("10 seconds")
        assert.lengthOf(events, 2 * Distributed.BATCHES)
        const [first] = events
        assert.strictEqual(first!.key, "A")
        const timestamp = new Date(Number(TEN / 1_000_000n)).toISOString()
        assert.deepStrictEqual(JSON.parse(first!.body).data, {
          ...{ type: "trade", symbol: "A", exchange: "KRAKEN", timestamp, price: "187.23", volume: "0.5" }
        })
        assert.strictEqual(new Set(events.map(({ id }) => id)).size, events.length)
      })
  )

  test("MO1 with off nothing is told", "off", (note, events) =>
    Effect.gen(function* () {
      note(data(0))
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(events, 0)
    })
  )
})
