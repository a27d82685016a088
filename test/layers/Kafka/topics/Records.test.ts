/** Records of Kafka, by themselves: what is written is read, and what others write as well. */
import { gzipSync, zstdCompressSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { crc32c } from "../../../../layers/Kafka/topics/Bytes.ts"
import { MOST_UNPACKED, unpacked as unpackedBy } from "../../../../layers/Kafka/topics/Codecs.ts"
import { beforeOf, marked, startOf } from "../../../../layers/Kafka/topics/Histories.ts"
import { Opening } from "../../../../layers/Kafka/topics/Opening.ts"
import type { KafkaRecord } from "../../../../layers/Kafka/topics/Record.ts"
import { type Batch, committedOf, decodeBatches, encodeBatch } from "../../../../layers/Kafka/topics/RecordBatch.ts"
import { messageOfRecord, ownHeader, producingOf, recordIn, recordOf } from "../../../../layers/Kafka/topics/Records.ts"
import type { Sealer } from "../../../../layers/Kafka/topics/Sealing.ts"
import { inSteps } from "../../../../layers/Kafka/topics/Steps.ts"
import { opened } from "../../../../layers/Kafka/topics/Unpacking.ts"
import { MARKS } from "../../../../src/topics/LogState.ts"
import type { Message } from "../../../../src/topics/Message.ts"
import { kafkaName } from "../../../../src/topics/Topic.ts"
import { textsOf } from "../../../support/Topics.ts"

const stamp = { producerId: 7n, producerEpoch: 2, sequence: 9 }
const record = (text: string, more: Partial<KafkaRecord> = {}): KafkaRecord => ({
  key: null,
  value: Buffer.from(text),
  headers: [],
  ...more
})
const written = (base: number, ...texts: ReadonlyArray<string>): Batch => {
  const bytes = encodeBatch(
    texts.map((text) => record(text)),
    stamp,
    false,
    1_000
  )
  bytes.writeBigInt64BE(BigInt(base), 0)
  return decodeBatches(bytes)[0]!
}
/** Of two records: the second one has the offset behind its own. */
const compacted = (batch: Batch): Batch => {
  const data = Buffer.from(batch.body.data)
  data[data[0]! / 2 + 1 + 3] = 4 // zigzag of 2
  const signed = Buffer.concat([batch.body.signed.subarray(0, -data.length), data])
  return { ...batch, count: 3, body: { ...batch.body, data, signed, crc: crc32c(signed) } }
}
const unpacked = async (codec: number, bytes: Buffer) => await unpackedBy(codec, bytes, inSteps)
/** Nobody sealed what is in it. */
const at = (partition: string): Sealer => ({ partition, key: Buffer.alloc(32) })
const piecesOf = (batches: ReadonlyArray<Batch>, from: number, maxBytes: number) =>
  new Opening().read(at("1/0"), 1, batches, from, maxBytes)
const recordsOf = async (batch: Batch) =>
  [...(await opened(batch))!.from(batch.base)].flatMap((one) =>
    one === undefined ? [] : [[one.offset, recordIn(one.record)!] as const]
  )
const message = (more: Partial<Message> = {}): Message => ({
  key: "k",
  payload: Buffer.from("p"),
  eventTime: null,
  headers: new Map(),
  ...more
})

describe("records of Kafka", () => {
  it("KR1 what is written is read, packed or not, and one that is cut off is not there yet", async () => {
    assert.strictEqual(crc32c(Buffer.from("123456789")), 0xe3069283)
    for (const packed of [true, false]) {
      const records = Array.from({ length: 300 }, (_, n) =>
        record(`value ${n} ${"x".repeat(n)}`, {
          key: n % 2 === 0 ? Buffer.from(`k${n}`) : null,
          headers: [
            ["a", Buffer.from("é")],
            ["a", null]
          ]
        })
      )
      const bytes = encodeBatch(records, stamp, packed, 1_234)
      assert.strictEqual(bytes.length < 20_000, packed)
      const [one, ...rest] = decodeBatches(Buffer.concat([bytes, bytes.subarray(0, 80)]))
      assert.deepStrictEqual(rest, [])
      assert.deepInclude(one, { base: 0, count: 300, at: 1_234, producerId: 7n, transactional: false })
      assert.deepStrictEqual(
        (await recordsOf(one!)).map(([offset, { key, value, headers }]) => [offset, key, value, headers]),
        records.map(({ key, value, headers }, n) => [n, key, value, headers] as never)
      )
    }
  })

  it("KR1 each bit that is wrong is told, with the offsets of the batch", async () => {
    const bytes = encodeBatch([record("a"), record("b")], stamp, false, 1)
    for (let at = 21; at < bytes.length; at++) {
      const wrong = Buffer.from(bytes)
      wrong[at]! ^= 1
      const batches = decodeBatches(wrong)
      const pieces = await piecesOf(batches, 0, 1_000)
      assert.deepStrictEqual(textsOf(pieces.all), [`corrupt 0-${batches[0]!.count}`], `byte ${at}`)
    }
    const corrupt: Batch = { ...written(4, "e", "f"), has: "corrupt" }
    assert.deepStrictEqual(textsOf((await piecesOf([written(2, "c", "d"), corrupt, written(6, "g")], 2, 1_000)).all), [
      "2=c",
      "3=d",
      "corrupt 4-6",
      "6=g"
    ])
  })

  it("KR2 what was aborted and marks are holes, and what is compacted away too", async () => {
    const by = (batch: Batch, producerId: bigint, control?: Batch["control"]): Batch => ({
      ...batch,
      producerId,
      transactional: true,
      control,
      ...(control === undefined ? {} : { has: "nothing" })
    })
    const batches = [
      by(written(0, "gone"), 1n),
      by(written(1, "kept"), 2n),
      by(written(2, "mark"), 1n, "abort"),
      by(written(3, "later"), 1n),
      by(written(4, "mark"), 2n, "other"),
      compacted(written(5, "a", "c"))
    ]
    const read = await piecesOf(committedOf(batches, [{ producerId: 1n, first: 0 }]), 0, 1_000)
    assert.deepStrictEqual(textsOf(read.all), [
      "empty 0-1",
      "1=kept",
      "empty 2-3",
      "3=later",
      "empty 4-5",
      "5=a",
      "empty 6-7",
      "7=c"
    ])
    assert.strictEqual(read.next, 8)
    assert.strictEqual((await piecesOf(committedOf(batches, []), 0, 1)).next, 1)
  })

  it("KR3 an event is key, payload and headers as everybody has them, and is read as it was", () => {
    const event = message({
      eventTime: -5,
      headers: new Map([
        ["h", "v"],
        ["__proto__", "x"]
      ])
    })
    const producing = { producer: "a:b\n", epoch: 3, sequence: 14 }
    const its = recordOf(event, producing)
    assert.deepStrictEqual([Buffer.from(its.key!).toString(), Buffer.from(its.value!).toString()], ["k", "p"])
    assert.deepStrictEqual(
      its.headers.map(([name, value]) => [name, Buffer.from(value!).toString()]),
      [
        ["h", "v"],
        ["__proto__", "x"],
        ["herald-event-time", "-5"],
        ["herald-producer", "3:14:a:b\n"]
      ]
    )
    assert.deepStrictEqual(producingOf(its), producing)
    assert.deepStrictEqual(messageOfRecord(its, true), { ...event, payload: its.value! })
    assert.strictEqual(ownHeader(message({ headers: new Map([["herald-producer", "1:1:x"]]) })), "herald-producer")
    assert.isUndefined(ownHeader(event))
    assert.strictEqual(kafkaName("a/b/c.d"), "a.b.c.d")
  })

  it("KR4 what others write is an event: keys and headers that are no text, none at all, and false ones of ours", () => {
    const odd = messageOfRecord(
      { key: Buffer.from([255, 254]), value: null, headers: [["h", Buffer.from([128])]] },
      false
    )!
    assert.deepStrictEqual([odd.key, odd.payload.length], ["//4=", 0])
    assert.deepStrictEqual(
      [...odd.headers],
      [
        ["h;base64", "gA=="],
        ["herald-key", "base64"]
      ]
    )
    const long = messageOfRecord(record("v", { key: Buffer.alloc(600, "k") }), false)!
    assert.deepStrictEqual([long.key, long.headers.get("herald-key")], [null, "left-out"])
    const forged = record("v", {
      headers: [
        ["herald-producer", Buffer.from("0:0:")],
        ["herald-event-time", Buffer.from("soon")],
        ["herald-route-hops", Buffer.from("16")]
      ]
    })
    assert.isUndefined(producingOf(forged))
    assert.deepStrictEqual(
      [...messageOfRecord(forged, false)!.headers],
      [
        ["foreign-herald-producer", "0:0:"],
        ["foreign-herald-event-time", "soon"],
        ["foreign-herald-route-hops", "16"]
      ]
    )
  })

  it("KZ1 what others packed is unpacked, in bounds", async () => {
    const text = Buffer.from("abcabcabcabcabc")
    assert.deepStrictEqual(await unpacked(1, gzipSync(text)), text)
    assert.deepStrictEqual(await unpacked(4, zstdCompressSync(text)), text)
    // A literal of 3, then a copy of 12 from 3 before; alone, and as Java frames it.
    const snappy = Buffer.from([15, 2 << 2, 97, 98, 99, (11 << 2) | 2, 3, 0])
    assert.deepStrictEqual(await unpacked(2, snappy), text)
    const framed = Buffer.concat([
      Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, snappy.length]),
      snappy
    ])
    assert.deepStrictEqual(await unpacked(2, framed), text)
    const block = Buffer.from([0x33, 97, 98, 99, 3, 0, 0x50, 98, 99, 97, 98, 99])
    const head = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, block.length, 0, 0, 0]
    assert.deepStrictEqual(await unpacked(3, Buffer.concat([Buffer.from(head), block, Buffer.alloc(4)])), text)
    const bomb = Buffer.alloc(MOST_UNPACKED + 1)
    for (const wrong of [
      () => unpacked(1, gzipSync(bomb)),
      () => unpacked(4, zstdCompressSync(bomb)),
      () => unpacked(2, Buffer.from([15, 2 << 2, 97])),
      () => unpacked(2, Buffer.from([15, (11 << 2) | 2, 3, 0])),
      () => unpacked(3, Buffer.from([1, 2, 3])),
      () => unpacked(9, text)
    ])
      assert.isTrue(
        await wrong().then(
          () => false,
          () => true
        )
      )
  })

  it("KH1 TK3 who comes from an older history begins where it ended, which ones there were is told, and marks reach far back", () => {
    const history = {
      epoch: 30,
      begun: [
        [10, 0],
        [20, 50],
        [30, 40]
      ] as const,
      marks: []
    }
    const start = (epoch: number, offset: number) => startOf(history, { epoch, offset })
    assert.deepStrictEqual(
      [start(30, 99), start(20, 99), start(10, 99), start(10, 7), start(5, 99)],
      [99, 40, 40, 7, 0]
    )
    assert.deepStrictEqual(beforeOf(history), { before: [10, 20] })
    assert.deepStrictEqual(beforeOf({ ...history, begun: [[30, 0]] }), {})
    let marks: ReturnType<typeof marked> = []
    for (let offset = 1; offset <= 1_000; offset++) marks = marked(marks, { offset, at: offset, leader: 0 })
    assert.isAtMost(marks.length, MARKS)
    assert.strictEqual(marks.at(-1)!.offset, 1_000)
    assert.isBelow(marks[0]!.offset, 980)
  })
})
