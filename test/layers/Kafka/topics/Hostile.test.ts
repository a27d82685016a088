/** What anybody may write into a topic of Kafka's costs a node no more than its bytes, and a piece at a time. */
import { zstdCompressSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { crc32c, Reader, Writing } from "../../../../layers/Kafka/topics/Bytes.ts"
import { MOST_UNPACKED, unpacked } from "../../../../layers/Kafka/topics/Codecs.ts"
import { Opening } from "../../../../layers/Kafka/topics/Opening.ts"
import { Pieces } from "../../../../layers/Kafka/topics/Pieces.ts"
import type { KafkaRecord } from "../../../../layers/Kafka/topics/Record.ts"
import { type Batch, decodeBatches, encodeBatch } from "../../../../layers/Kafka/topics/RecordBatch.ts"
import { recordIn, stampIn } from "../../../../layers/Kafka/topics/Records.ts"
import type { Sealer } from "../../../../layers/Kafka/topics/Sealing.ts"
import { inSteps, type Steps } from "../../../../layers/Kafka/topics/Steps.ts"
import { opened } from "../../../../layers/Kafka/topics/Unpacking.ts"
import { EVENT_BYTES } from "../../../../src/topics/Message.ts"
import { textsOf } from "../../../support/Topics.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

const stamp = { producerId: 7n, producerEpoch: 2, sequence: 9 }
/** Nobody sealed what is in it. */
const at = (partition: string): Sealer => ({ partition, key: Buffer.alloc(32) })
const record = (more: Partial<KafkaRecord>): KafkaRecord => ({ key: null, value: null, headers: [], ...more })
const batchOf = (...records: ReadonlyArray<KafkaRecord>) => decodeBatches(encodeBatch(records, stamp, true, 1_000))[0]!
const read = (batch: Batch, from = 0, maxBytes = 262_144) => new Opening().read(at("1/0"), 1, [batch], from, maxBytes)
const gapsOf = (pieces: Pieces) => textsOf(pieces.all).filter((text) => !text.includes("="))

/** Of so many records of no bytes, packed. */
const manyOf = (count: number): Batch => {
  const plain = new Writing(count * 10)
  for (let n = 0; n < count; n++) {
    const size = 6 + (n < 64 ? 1 : n < 8_192 ? 2 : n < 1_048_576 ? 3 : 4) - 1
    plain.varint(size).int8(0).varint(0).varint(n).varint(-1).varint(-1).varint(0)
  }
  const data = zstdCompressSync(plain.bytes)
  const [one] = decodeBatches(encodeBatch([record({})], stamp, false, 1_000))
  const signed = Buffer.concat([one!.body.signed.subarray(0, 40), data])
  return { ...one!, count, body: { signed, data, crc: crc32c(signed), codec: 4, records: count } }
}

/** How often it would give way. */
const stepsOf = <A>(steps: Steps<A>) => {
  let count = 0
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return { count, value }
    count++
  }
}

describe("records of Kafka that somebody hostile wrote", () => {
  it("KR5 a record with more headers than an event may have is passed over at the cost of its bytes, and so is its stamp found", async () => {
    const empty: KafkaRecord["headers"][number] = ["", null]
    const headers: KafkaRecord["headers"] = [
      ...Array.from({ length: 4_000 }, () => ["herald-producer", Buffer.from("1:1:x")] as const),
      ...Array.from({ length: 200_000 }, () => empty)
    ]
    const batch = batchOf(record({ value: Buffer.from("a") }), record({ headers }), record({ value: Buffer.from("b") }))
    assert.isBelow(batch.body.data.length, 1_000)
    const pieces = await read(batch)
    assert.deepStrictEqual(textsOf(pieces.all), ["0=a", "unfit 1-2", "2=b"])
    const walked = [...(await opened(batch))!.from(1)][0]!
    assert.deepStrictEqual(stampIn(walked.record), { epoch: 1, sequence: 1, producer: "x" })
  })

  it("KR5 a record is read only as far as it may be an event: headers beyond those that one may have, with Herald's own, are not looked at", () => {
    const walked = (count: number) => {
      const headers = Array.from({ length: count }, (_, n) => [`h${n}`, null] as const)
      const { data } = decodeBatches(encodeBatch([record({ headers })], stamp, false, 1_000))[0]!.body
      const reader = new Reader(data)
      return recordIn(reader.raw(reader.varlong()))
    }
    assert.lengthOf(walked(68)!.headers, 68)
    assert.isUndefined(walked(69))
  })

  it("KR6 records of few and long headers are walked by their bytes, whether or not they can be events", async () => {
    const long = Buffer.alloc(12_288, "x")
    const headers = Array.from({ length: 32 }, (_, n) => [`h${n}`, long] as const)
    const batch = batchOf(...Array.from({ length: 24 }, () => record({ headers })))
    const pieces = new Pieces(0, 65_536)
    const { count } = stepsOf(pieces.take((await opened(batch))!.from(0), 1, 24))
    assert.deepStrictEqual(textsOf(pieces.all), ["unfit 0-24"])
    assert.isAtLeast(count, 23)
  })

  it("KR5 a payload, a name, a value and bytes that no event may have are gaps, and what is just as large as one may be is read", async () => {
    const header = (name: string, value: string) => record({ headers: [[name, Buffer.from(value)]] })
    const batch = batchOf(
      record({ value: Buffer.alloc(EVENT_BYTES + 1) }),
      header("", "v"),
      header("n".repeat(129), "v"),
      header("n", "v".repeat(4_097)),
      record({ headers: Array.from({ length: 65 }, (_, n) => [`h${n}`, null] as const) }),
      header("n".repeat(128), "é".repeat(4_096)),
      record({ headers: Array.from({ length: 64 }, (_, n) => [`h${n}`, null] as const) }),
      record({ headers: Array.from({ length: 30 }, (_, n) => [`h${n}`, Buffer.alloc(40_000)] as const) }),
      record({ headers: [["n", Buffer.alloc(4_096, 255)]] }),
      record({ value: Buffer.alloc(EVENT_BYTES) })
    )
    const pieces = await read(batch, 0, 8_388_608)
    assert.deepStrictEqual(gapsOf(pieces), ["unfit 0-5", "unfit 7-9"])
    assert.strictEqual(pieces.events, 3)
    assert.strictEqual(pieces.next, 10)
  })

  it("KR6 of millions of records in a few bytes only those that are asked for become events, in steps", async () => {
    const count = 2_000_000
    const batch = manyOf(count)
    assert.isBelow(batch.body.data.length, 4_000_000)
    const its = (await opened(batch))!
    const pieces = new Pieces(0, 65_536)
    const { count: steps, value } = stepsOf(pieces.take(its.from(0), 1, count))
    assert.isFalse(value)
    assert.isBelow(pieces.events, 40_000)
    assert.isAbove(steps, pieces.events / 2_100)
    for (const piece of pieces.all) if (piece.is === "segment") assert.isAtMost(piece.count, 2_000)
    // Walking over all others is done in steps as well, and once: from then on it is known where they are.
    const late = new Pieces(count - 5, 65_536)
    assert.isAbove(stepsOf(late.take(its.from(count - 5), 1, count)).count, 1_900)
    assert.strictEqual(late.events, 5)
    const again = new Pieces(count - 5, 65_536)
    assert.isBelow(stepsOf(again.take(its.from(count - 5), 1, count)).count, 20)
    assert.deepStrictEqual([again.events, again.next], [5, count])
  })

  it("KR1 a batch that says to have more records than its bytes hold, or offsets in another order, is corrupt behind the last that is right", async () => {
    const batch = batchOf(record({ value: Buffer.from("a") }), record({ value: Buffer.from("b") }))
    const lies = { ...batch, body: { ...batch.body, records: 500_000_000 } }
    assert.deepStrictEqual(textsOf((await read(lies)).all), ["corrupt 0-2"])
    const data = Buffer.from(batch.body.data)
    data[data[0]! / 2 + 1 + 3] = 0
    const signed = Buffer.concat([batch.body.signed.subarray(0, -data.length), data])
    const turned = { ...batch, body: { ...batch.body, data, signed, crc: crc32c(signed) } }
    assert.deepStrictEqual(textsOf((await read(turned)).all), ["0=a", "corrupt 1-2"])
  })

  it("KZ3 a batch of which a part was read is opened once: its rest is there, in bites, and what is kept is bounded", async () => {
    const opening = new Opening()
    const batch = manyOf(100_000)
    let next = (await opening.read(at("1/0"), 7, [batch], 0, 16_384)).next
    let bites = 1
    for (; next < 100_000; bites++) {
      const rest = (await opening.rest("1/0", 7, next, 16_384))!
      assert.strictEqual(rest.all[0]!.is, "segment")
      next = rest.next
    }
    assert.strictEqual(next, 100_000)
    assert.isAtLeast(bites, 10)
    assert.strictEqual(opening.count, 1)
    assert.isUndefined(await opening.rest("1/0", 8, 0, 16_384))
    assert.isUndefined(await opening.rest("1/0", 7, 100_000, 16_384))
    // Each has 2.9 MB as it is kept.
    const large = manyOf(300_000)
    for (let partition = 0; partition < 40; partition++) await opening.read(at(`2/${partition}`), 1, [large], 0, 1)
    assert.isAtMost(opening.bytes, MOST_UNPACKED)
    assert.isDefined(await opening.rest("2/39", 1, 1, 1))
    assert.isUndefined(await opening.rest("2/0", 1, 1, 1))
    opening.drop("2/39")
    assert.isUndefined(await opening.rest("2/39", 1, 1, 1))
  })

  it("KZ3 large batches are opened two at a time, in the order in which they are asked for", async () => {
    const large = manyOf(150_000)
    assert.isAtLeast(large.body.signed.length, 65_536)
    const waiting: Array<() => void> = []
    const opening = new Opening(async (batch) => {
      await new Promise<void>((go) => waiting.push(go))
      return await opened(batch)
    })
    const done: Array<number> = []
    const all = Promise.all(
      Array.from({ length: 5 }, async (_, n) => {
        await opening.read(at(`1/${n}`), 1, [large], 0, 1)
        done.push(n)
      })
    )
    for (let ended = 0; ended < 5; ended++) {
      await waitUntil("two, or the last one", () => waiting.length === Math.min(2, 5 - ended))
      // Whatever waits behind them had its turns by now.
      for (let turns = 0; turns < 5; turns++) await new Promise((go) => setImmediate(go))
      assert.lengthOf(waiting, Math.min(2, 5 - ended))
      waiting.shift()!()
      await waitUntil("the first one", () => done.length === ended + 1)
    }
    await all
    assert.deepStrictEqual(done, [0, 1, 2, 3, 4])
  })

  it("KZ3 what is kept holds nothing of what it came with", async () => {
    const opening = new Opening()
    const answer = new Writing(4_000_000)
    const its = Array.from({ length: 50 }, (_, n) => record({ value: Buffer.alloc(1_000, n) }))
    answer.raw(encodeBatch(its, stamp, false, 1_000))
    answer.raw(Buffer.alloc(3_000_000))
    const [batch] = decodeBatches(answer.bytes)
    assert.isAtLeast(batch!.body.data.buffer.byteLength, 3_000_000)
    await opening.read(at("1/0"), 1, [batch!], 0, 1)
    assert.isBelow(opening.bytes, 60_000)
    assert.isAtLeast(opening.bytes, 50_000)
    const rest = (await opening.rest("1/0", 1, 40, 1_000_000))!
    assert.strictEqual(rest.events, 10)
  })

  it("KZ3 who asks for a large batch while it is opened waits for that one", async () => {
    const opening = new Opening()
    const large = manyOf(2_000_000)
    const all = await Promise.all([0, 5, 9].map((from) => opening.read(at("1/0"), 1, [large], from, 1)))
    assert.deepStrictEqual(
      all.map(({ all }) => all[0]),
      all.map((_, n) => ({ ...(all[n]!.all[0] as object), base: [0, 5, 9][n] }) as never)
    )
    assert.strictEqual(opening.count, 1)
  })

  it("KZ2 Snappy and lz4 are unpacked in steps, and copies of what is not there yet are right", async () => {
    // 64 bytes each of one before it, for some megabytes.
    const copies = 60_000
    const snappy = Buffer.concat([
      new Writing().raw(Buffer.from([0x81 | 0, 0xd4, 0xea, 0x01])).bytes,
      Buffer.from([0, 120]),
      Buffer.alloc(copies * 3, Buffer.from([(63 << 2) | 2, 1, 0]))
    ])
    const length = 1 + copies * 64
    const head: Array<number> = []
    for (let rest = length; ; rest = Math.floor(rest / 128)) {
      head.push((rest % 128) | (rest >= 128 ? 128 : 0))
      if (rest < 128) break
    }
    const packed = Buffer.concat([Buffer.from(head), snappy.subarray(4)])
    let turns = 0
    const counted = <A>(steps: Steps<A>) => {
      const { count, value } = stepsOf(steps)
      turns = count
      return Promise.resolve(value)
    }
    const plain = await unpacked(2, packed, counted)
    assert.isTrue(plain.equals(Buffer.alloc(length, 120)))
    assert.isAbove(turns, 2)
    const block = Buffer.from([0x3f, 97, 98, 99, 3, 0, ...Array.from({ length: 200_000 }, () => 255), 1, 0x10, 122])
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    const frame = Buffer.concat([Buffer.from([4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]), size, block, Buffer.alloc(4)])
    const abc = await unpacked(3, frame, inSteps)
    assert.strictEqual(abc.length, 3 + 15 + 200_000 * 255 + 1 + 4 + 1)
    assert.isTrue(abc.subarray(0, -1).equals(Buffer.alloc(abc.length - 1, "abc")))
  })
})
