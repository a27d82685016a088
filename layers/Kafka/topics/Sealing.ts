/**
 * Seals batches that Herald writes, so that others who may write into the topic in Kafka can't say what Herald alone says. Pure.
 *
 *   KS1  What records say in Herald's own headers (whose event it is, how it was routed, why it is a dead letter) counts in a batch that has its seal: an
 *        HMAC-SHA-256 over all of its records and the partition, by a key of the topic that only nodes have. Any other record is somebody's. A copy of a
 *        whole batch has its seal: its events are there twice then, and its producers are where they were.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Reader, varintSize, Writing } from "./Bytes.ts"
import { type KafkaRecord, writeRecord } from "./Record.ts"
import type { Steps } from "./Steps.ts"

/** The last header of a batch's first record: `SEAL_BYTES`. */
export const SEAL = "herald-seal"
const SEAL_BYTES = 32
/** Bytes that are summed up in a step; and of a batch that Herald may have written. */
const [SUMMED, MOST] = [262_144, 16_777_216]

/** Whose batches: a partition, and the key of its topic. */
export interface Sealer {
  /** As `partitionKey`. */
  readonly partition: string
  readonly key: Uint8Array
}

const NAME = Buffer.from(SEAL)

const macOf = ({ partition, key }: Sealer) => createHmac("sha256", key).update(`records\n${partition}\n`)

/** The records with their seal. */
export const sealed = (records: ReadonlyArray<KafkaRecord>, sealer: Sealer): ReadonlyArray<KafkaRecord> => {
  const [first, ...rest] = records
  if (first === undefined) return records
  const body = new Writing(4_096)
  for (const [delta, record] of records.entries()) writeRecord(body, record, delta)
  const seal = macOf(sealer).update(body.bytes).digest()
  return [{ ...first, headers: [...first.headers, [SEAL, seal]] }, ...rest]
}

/** What the first record was without its seal, as it was written, and the seal; undefined: it has none. Throws where bytes are missing. */
const unsealed = (record: Buffer) => {
  const one = new Reader(record)
  one.int8()
  one.varlong()
  one.varlong()
  one.skip()
  one.skip()
  const counted = one.at
  const count = one.varlong()
  const from = one.at
  if (count < 1 || 2 * count > one.left) return undefined
  for (let left = count - 1; left > 0; left--) {
    one.skip()
    one.skip()
  }
  const to = one.at
  const name = one.sized()
  const seal = one.sized()
  if (name === null || !NAME.equals(name) || seal?.length !== SEAL_BYTES || one.left > 0) return undefined
  const rest = new Writing(record.length + 10)
  rest.varint(counted + varintSize(count - 1) + to - from).raw(record.subarray(0, counted))
  return { seal, plain: rest.varint(count - 1).raw(record.subarray(from, to)).bytes }
}

/** Whether records, unpacked, have their seal. KS1 */
export function* isSealed(plain: Buffer, sealer: Sealer): Steps<boolean> {
  if (plain.length > MOST) return false
  try {
    const reader = new Reader(plain)
    const first = unsealed(reader.raw(reader.varlong()))
    if (first === undefined) return false
    const mac = macOf(sealer).update(first.plain)
    for (let at = reader.at; at < plain.length; at += SUMMED) {
      mac.update(plain.subarray(at, at + SUMMED))
      yield
    }
    return timingSafeEqual(mac.digest(), first.seal)
  } catch (cause) {
    if (cause instanceof RangeError) return false
    throw cause
  }
}
