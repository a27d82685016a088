import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Brokers } from "../../../../layers/Kafka/topics/Brokers.ts"
import { Holding, MOST_HELD } from "../../../../layers/Kafka/topics/Holding.ts"
import type { KafkaRecord } from "../../../../layers/Kafka/topics/Record.ts"
import { encodeBatch } from "../../../../layers/Kafka/topics/RecordBatch.ts"
import { recordOf } from "../../../../layers/Kafka/topics/Records.ts"
import { type Sealer, sealed } from "../../../../layers/Kafka/topics/Sealing.ts"
import type { LogState } from "../../../../src/topics/LogState.ts"

const sealer: Sealer = { partition: "7/0", key: Buffer.alloc(32, 7) }
const stamp = { producerId: 7n, producerEpoch: 2, sequence: 9 }

/** An event of the producer "p". */
const said = (sequence: number): KafkaRecord =>
  recordOf(
    { key: null, payload: Buffer.from(`e${sequence}`), eventTime: null, headers: new Map() },
    { producer: "p", epoch: 1, sequence }
  )
const batch = (base: number, records: ReadonlyArray<KafkaRecord>): Buffer => {
  const bytes = encodeBatch(records, stamp, false, 1_000)
  bytes.writeBigInt64BE(BigInt(base), 0)
  return bytes
}

/** How far "p" has come, for who takes it over where these batches are in Kafka. */
const takenOver = (records: Buffer, end: number) => {
  const brokers = {
    askKeeper: async () => ({ producerId: 8n, producerEpoch: 1 }),
    offsets: async ({ time }: { readonly time: number }) => new Map([[0, time === -1 ? end : 0]]),
    ask: async () => ({ records, first: 0, end, aborted: [] })
  }
  const state: Pick<LogState["Service"], "find" | "hold"> = {
    find: () => Effect.succeed({ known: { epoch: 1, sequence: 0, runs: [] }, settled: 0, writer: "before#1" }),
    hold: () => Effect.succeed(1)
  }
  const holding = new Holding(
    {
      ...{ brokers: brokers as unknown as Brokers, state: state as LogState["Service"] },
      ...{ id: { topic: 7, partition: 0 }, topic: "t", sealer }
    },
    "mine#1"
  )
  return Effect.map(holding.acquire("p"), (hold) => hold && [hold.known.sequence, hold.settled])
}

describe("producers that are taken over", () => {
  it.effect("KS1 KP2 a stamp that nobody sealed moves no producer, and one that Herald sealed does", () =>
    Effect.gen(function* () {
      const genuine = batch(0, sealed([said(1), said(2)], sealer))
      assert.deepStrictEqual(yield* takenOver(genuine, 2), [2, 2])
      const forged = batch(2, [said(3)])
      assert.deepStrictEqual(yield* takenOver(Buffer.concat([genuine, forged]), 3), [2, 3])
      const another = batch(2, sealed([said(3)], { ...sealer, key: Buffer.alloc(32, 8) }))
      assert.deepStrictEqual(yield* takenOver(Buffer.concat([genuine, another]), 3), [2, 3])
      const next = batch(2, sealed([said(3)], sealer))
      assert.deepStrictEqual(yield* takenOver(Buffer.concat([genuine, next]), 3), [3, 3])
    })
  )

  it.effect(
    "KP6 however many are taken over, a partition's writer knows a bounded number of them: who was silent longest is given up",
    () =>
      Effect.gen(function* () {
        const brokers = { offsets: async () => new Map([[0, 0]]) }
        const state: Pick<LogState["Service"], "find" | "hold"> = {
          find: () => Effect.succeed({ known: { epoch: 1, sequence: 0, runs: [] }, settled: 0, writer: undefined }),
          hold: () => Effect.succeed(1)
        }
        const holding = new Holding(
          {
            ...{ brokers: brokers as unknown as Brokers, state: state as LogState["Service"] },
            ...{ id: { topic: 7, partition: 0 }, topic: "t", sealer }
          },
          "mine#1"
        )
        for (const [n, producer] of Array.from({ length: MOST_HELD + 50 }, (_, n) => [n, `p${n}`] as const)) {
          yield* holding.acquire(producer)
          if (n === 0) holding.placed(producer, 1, 1, 0) // What isn't noted yet stays.
        }
        assert.strictEqual(holding.holds.size, MOST_HELD)
        assert.isTrue(holding.holds.has("p0"))
        assert.isFalse(holding.holds.has("p1"))
        assert.isTrue(holding.holds.has(`p${MOST_HELD + 49}`))
      })
  )
})
