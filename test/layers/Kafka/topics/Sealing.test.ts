/** Seals of batches in Kafka, by themselves. */
import { assert, describe, it } from "@effect/vitest"
import { Opening } from "../../../../layers/Kafka/topics/Opening.ts"
import type { KafkaRecord } from "../../../../layers/Kafka/topics/Record.ts"
import { decodeBatches, encodeBatch } from "../../../../layers/Kafka/topics/RecordBatch.ts"
import { recordOf } from "../../../../layers/Kafka/topics/Records.ts"
import { isSealed, type Sealer, sealed } from "../../../../layers/Kafka/topics/Sealing.ts"
import { opened } from "../../../../layers/Kafka/topics/Unpacking.ts"
import { messagesOf } from "../../../../src/topics/Frames.ts"
import type { Message } from "../../../../src/topics/Message.ts"

const stamp = { producerId: 7n, producerEpoch: 2, sequence: 9 }
const message = (more: Partial<Message>): Message => ({
  ...{ key: "k", payload: Buffer.from("p"), eventTime: null, headers: new Map() },
  ...more
})

describe("seals of batches in Kafka", () => {
  it("KS1 KR4 what Herald says counts in a batch that it sealed, as it was and in that partition, and in no other", async () => {
    const sealer: Sealer = { partition: "7/1", key: Buffer.alloc(32, 7) }
    const said = (n: number) =>
      recordOf(message({ payload: Buffer.from(`p${n}`), headers: new Map([["herald-origin", "o"]]) }), {
        ...{ producer: "1:bob", epoch: 3, sequence: n }
      })
    const records = [said(1), said(2), said(3)]
    const named = async (all: ReadonlyArray<KafkaRecord>, by: Sealer, packed = false) => {
      const batches = decodeBatches(encodeBatch(all, stamp, packed, 1_000))
      const { all: pieces } = await new Opening().read(by, 1, batches, 0, 100_000)
      return pieces.map((piece) =>
        piece.is === "segment" ? messagesOf(piece.bytes).map(({ headers }) => [...headers.keys()]) : piece
      )[0]
    }
    const ours = [["herald-origin"], ["herald-origin"], ["herald-origin"]]
    const mine = sealed(records, sealer)
    assert.deepStrictEqual(mine[0]!.headers.at(-1)![0], "herald-seal")
    for (const packed of [false, true]) assert.deepStrictEqual(await named(mine, sealer, packed), ours)
    const theirs = ["foreign-herald-origin", "foreign-herald-producer"]
    const foreign = [theirs, theirs, theirs]
    assert.deepStrictEqual(await named(records, sealer), foreign)
    const shown = [[...theirs, "foreign-herald-seal;base64"], theirs, theirs]
    // Of another partition, by another key, with one more, one less, in another order, and with another word.
    assert.deepStrictEqual(await named(mine, { ...sealer, partition: "7/2" }), shown)
    assert.deepStrictEqual(await named(mine, { ...sealer, key: Buffer.alloc(32, 8) }), shown)
    assert.deepStrictEqual(await named([...mine, said(4)], sealer), [...shown, theirs])
    assert.deepStrictEqual(await named(mine.slice(0, 2), sealer), shown.slice(0, 2))
    assert.deepStrictEqual(await named([mine[0]!, mine[2]!, mine[1]!], sealer), shown)
    const other = { ...mine[1]!, value: Buffer.from("p9") }
    assert.deepStrictEqual(await named([mine[0]!, other, mine[2]!], sealer), shown)
    assert.deepStrictEqual(await named([{ ...mine[0]!, key: Buffer.from("x") }, ...mine.slice(1)], sealer), shown)
    // A stamp counts for nobody's sequences either.
    const [forged] = decodeBatches(encodeBatch(records, stamp, false, 1_000))
    assert.isFalse((await opened(forged!, sealer))!.isSealed)
    // Large ones are summed up in steps; what is larger than a round of Herald's is not summed up.
    const large = sealed(
      Array.from({ length: 20 }, (_, n) => ({ key: null, value: Buffer.alloc(60_000, n), headers: [] })),
      sealer
    )
    const plainOf = (all: ReadonlyArray<KafkaRecord>) => decodeBatches(encodeBatch(all, stamp, false, 1))[0]!.body.data
    const steps = isSealed(plainOf(large), sealer)
    let count = 0
    for (let step = steps.next(); ; step = steps.next(), count++)
      if (step.done === true) {
        assert.isTrue(step.value)
        break
      }
    assert.isAtLeast(count, 4)
  })

  it("KS1 what was not sealed is not Herald's either where a large batch is read in parts", async () => {
    const sealer: Sealer = { partition: "7/1", key: Buffer.alloc(32, 7) }
    const records = Array.from({ length: 8 }, () =>
      recordOf(message({ payload: Buffer.alloc(8_000), headers: new Map([["herald-origin", "o"]]) }), undefined)
    )
    const named = async (all: ReadonlyArray<KafkaRecord>) => {
      const opening = new Opening()
      const first = await opening.read(sealer, 1, decodeBatches(encodeBatch(all, stamp, false, 1_000)), 0, 1)
      const rest = (await opening.rest(sealer.partition, 1, first.next, 1_000_000))!
      assert.strictEqual(first.events + rest.events, 8)
      assert.isAtLeast(rest.events, 3)
      return [first, rest].map(({ all: pieces }) => {
        const names = pieces.flatMap((piece) =>
          piece.is === "segment" ? messagesOf(piece.bytes).flatMap(({ headers }) => [...headers.keys()]) : []
        )
        return [...new Set(names)]
      })
    }
    assert.deepStrictEqual(await named(sealed(records, sealer)), [["herald-origin"], ["herald-origin"]])
    assert.deepStrictEqual(await named(records), [["foreign-herald-origin"], ["foreign-herald-origin"]])
  })
})
