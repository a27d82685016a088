/**
 * Batches of records (version 2), as Kafka stores and sends them. Pure.
 *
 *   KR2  What was aborted in somebody's transaction is not read, and neither are Kafka's own marks; their offsets are holes.
 */
import { zstdCompressSync } from "node:zlib"
import { crc32c, Reader, Writing } from "./Bytes.ts"
import { type KafkaRecord, writeRecord } from "./Record.ts"

/** By which Kafka knows a batch that is sent again. */
export interface Stamp {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Of the first record: counts what this producer wrote into the partition, from 0; behind 2^31 - 1 is 0. */
  readonly sequence: number
}

export interface Batch {
  readonly base: number
  /** Offsets that it covers, also where records of it are gone. */
  readonly count: number
  /** Of the leader that took it. */
  readonly leaderEpoch: number
  /** When it came, by the broker's clock, in milliseconds since 1970; of a topic with other times the latest of its records. */
  readonly at: number
  readonly producerId: bigint
  readonly transactional: boolean
  /** One of Kafka's own marks: a transaction was ended so. */
  readonly control: "abort" | "other" | undefined
  /** records: as far as they are what was written, which is not known before they are unpacked. nothing: what it covers are holes. */
  readonly has: "records" | "nothing" | "corrupt"
  readonly body: Body
}

export interface Body {
  /** CRC-32C of `signed`. */
  readonly crc: number
  readonly signed: Buffer
  /** Kafka's number of how `data` is packed. */
  readonly codec: number
  /** As it says itself. */
  readonly records: number
  readonly data: Buffer
}

const HEAD = 61
const [CODEC, TRANSACTIONAL, CONTROL] = [7, 16, 32]
/** Bytes: Kafka's own marks have less than a hundred. */
const MOST_MARK = 1_024
/** Smaller ones are not packed. */
const LEAST_PACKED = 1_024
const ZSTD = 4

/** `now`: milliseconds since 1970; of a topic with the broker's times it counts for nothing. */
export const encodeBatch = (
  records: ReadonlyArray<KafkaRecord>,
  { producerId, producerEpoch, sequence }: Stamp,
  packed: boolean,
  now: number
): Buffer => {
  const body = new Writing(4_096)
  for (const [delta, record] of records.entries()) writeRecord(body, record, delta)
  const small = packed && body.length >= LEAST_PACKED ? zstdCompressSync(body.bytes, { params: LEVEL }) : undefined
  const smaller = small !== undefined && small.length < body.length ? small : undefined
  const data = smaller ?? body.bytes
  const signed = new Writing(data.length + HEAD)
    .int16(smaller === undefined ? 0 : ZSTD)
    .int32(records.length - 1)
    .int64(BigInt(now))
    .int64(BigInt(now))
    .int64(producerId)
    .int16(producerEpoch)
    .int32(sequence)
    .int32(records.length)
    .raw(data).bytes
  return new Writing(signed.length + 21)
    .int64(0n)
    .int32(signed.length + 9)
    .int32(-1)
    .int8(2)
    .uint32(crc32c(signed))
    .raw(signed).bytes
}

const LEVEL = { 100: 1 } // ZSTD_c_compressionLevel

const HEADLESS = HEAD - 12

const markOf = (one: Reader): Batch["control"] => {
  const record = new Reader(one.raw(one.varlong()))
  record.int8()
  record.varlong()
  record.varlong()
  const kind = record.sized()
  return kind?.[3] === 0 && kind[2] === 0 ? "abort" : "other"
}

const batchOf = (reader: Reader): Batch | undefined => {
  if (reader.left < HEAD) return undefined
  const base = Number(reader.int64())
  const length = reader.int32()
  if (length > reader.left || length < HEADLESS) return undefined // the last one is cut off
  const one = new Reader(reader.raw(length))
  const leaderEpoch = one.int32()
  const version = one.int8()
  const crc = one.uint32()
  const signed = one.bytes.subarray(one.at)
  const attributes = one.int16()
  const count = Math.max(1, one.int32() + 1)
  one.int64()
  const at = Number(one.int64())
  const producerId = one.int64()
  one.int16()
  one.int32()
  const records = one.int32()
  const about = { base, count, leaderEpoch, at, producerId, transactional: (attributes & TRANSACTIONAL) > 0 }
  const body = { crc, signed, codec: attributes & CODEC, records, data: one.raw(one.left) }
  if (version !== 2) return { ...about, control: undefined, has: "corrupt", body }
  if ((attributes & CONTROL) === 0) return { ...about, control: undefined, has: "records", body }
  try {
    if (signed.length > MOST_MARK || crc32c(signed) !== crc) throw new RangeError("no mark of Kafka's")
    return { ...about, control: markOf(new Reader(body.data)), has: "nothing", body }
  } catch {
    return { ...about, control: undefined, has: "corrupt", body }
  }
}

/** All that are whole, in their order. What is in them is not looked at: `Unpacking.ts`. */
export const decodeBatches = (bytes: Buffer): ReadonlyArray<Batch> => {
  const reader = new Reader(bytes)
  const batches: Array<Batch> = []
  for (;;) {
    const batch = batchOf(reader)
    if (batch === undefined) return batches
    batches.push(batch)
  }
}

/** By whom, and from which offset on. */
export interface Aborted {
  readonly producerId: bigint
  readonly first: number
}

/** Without what was aborted. KR2 */
export const committedOf = (batches: ReadonlyArray<Batch>, aborted: ReadonlyArray<Aborted>): ReadonlyArray<Batch> => {
  if (aborted.length === 0) return batches
  const waiting = aborted.toSorted((a, b) => a.first - b.first)
  const open = new Set<bigint>()
  return batches.map((batch) => {
    while (waiting.length > 0 && waiting[0]!.first <= batch.base + batch.count - 1)
      open.add(waiting.shift()!.producerId)
    if (batch.control === "abort") open.delete(batch.producerId)
    return batch.transactional && batch.control === undefined && open.has(batch.producerId)
      ? { ...batch, has: "nothing" }
      : batch
  })
}
