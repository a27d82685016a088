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
})
