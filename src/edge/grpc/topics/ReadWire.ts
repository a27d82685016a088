/**
 * Translates between what readers of topics say and hear in herald.topics.v1 and the model.
 *
 *   TF1  Every field of a reader is checked against its limit before anything else sees it.
 *   TF2  A batch is encoded once, whoever and however many get it, and its events are copied once.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire"
import { Overflow as OnWire, ReadRequest, ReadResponse } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import type { Batch, Gap, Started, Told } from "../../../fanout/Batch.ts"
import type { ReadWish } from "../../../fanout/Fanout.ts"
import type { Overflow } from "../../../fanout/Reader.ts"
import type { Start } from "../../../fanout/Start.ts"
import { wrongTopicName } from "../../../keys/TopicName.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import type { Place } from "../../../topics/MessageId.ts"
import { PARTITIONS } from "../../../topics/Topic.ts"
import { decoderOf } from "../Decode.ts"
import { figuresOnWire } from "./Wire.ts"

/** Fields of one projection; `src/filters` says more of them. */
const FIELDS = 64

export const readRequest = decoderOf("herald.topics.v1")(ReadRequest, {
  3: ["partitions", PARTITIONS, "entries"],
  5: ["fields", FIELDS, "entries"]
})

const overflows = new Map<OnWire, Overflow>([
  [OnWire.OVERFLOW_BLOCK, "block"],
  [OnWire.OVERFLOW_CONFLATE, "conflate"],
  [OnWire.OVERFLOW_DROP_OLDEST, "drop oldest"],
  [OnWire.OVERFLOW_DISCONNECT, "disconnect"]
])

const invalid = (message: string) => failure("InvalidInput", message)

const startOf = ({ start }: ReadRequest): Start | HeraldError => {
  const at = start?.at
  switch (at?.$case) {
    case undefined:
      return { from: "latest" }
    case "earliest":
    case "latest":
      return { from: at.$case }
    case "timeMs": {
      const time = Number(at.value)
      return time < 0 || !Number.isSafeInteger(time)
        ? invalid("start.time_ms is a time since 1970, in milliseconds")
        : { from: "time", time }
    }
    case "offsets": {
      const { offsets, othersEarliest } = at.value
      if (offsets.length > PARTITIONS) return invalid(`start.offsets has at most ${PARTITIONS} entries`)
      const places = new Map<number, Place>()
      for (const { partition, epoch, offset } of offsets) {
        if (partition >= PARTITIONS)
          return invalid(`start.offsets names partition ${partition}, the last is ${PARTITIONS - 1}`)
        if (places.has(partition)) return invalid(`start.offsets names partition ${partition} twice`)
        if (offset > BigInt(Number.MAX_SAFE_INTEGER))
          return invalid(`start.offsets has ${offset}; no offset is that high`)
        places.set(partition, { epoch, offset: Number(offset) })
      }
      return { from: "places", places, others: othersEarliest ? "earliest" : "latest" }
    }
  }
}

/** TF1 */
export const wishOf = (request: ReadRequest): ReadWish | HeraldError => {
  const { topic, partitions, filter, fields, acceptsZstd: unpacks, delta } = request
  const wrong = wrongTopicName(topic)
  if (wrong !== undefined) return invalid(`topic: ${excerpt(topic)} ${wrong}`)
  if (partitions.some((partition) => partition >= PARTITIONS))
    return invalid(`partitions are numbers below ${PARTITIONS}`)
  const overflow = overflows.get(request.overflow)
  if (overflow === undefined) return invalid(`overflow is none that there is: ${request.overflow}`)
  const start = startOf(request)
  return "_tag" in start ? start : { topic, start, partitions, filter, fields, overflow, unpacks, delta }
}

/** Of ReadResponse. */
const BATCH = 0x0a
/** Of EventBatch, but for its events. */
const FIELD = {
  partition: 8,
  epoch: 16,
  first: 24,
  steps: 34,
  published: 40,
  compressed: 58,
  next: 64,
  leftOut: 72,
  later: 82,
  changed: 90
}
/** Of Changed. */
const EVENT = 8
const GONE = 18

const varint = (length: number): number => {
  let bytes = 1
  for (let left = length; left >= 128; left /= 128) bytes++
  return bytes
}

const numbers = (writer: BinaryWriter, field: number, list: ReadonlyArray<number> | undefined): void => {
  if (list === undefined || list.length === 0) return
  writer.uint32(field).fork()
  for (const number of list) writer.uint32(number)
  writer.join()
}

const headOf = (batch: Batch): Uint8Array => {
  const { partition, epoch, first, next, at, steps, later, leftOut, compressed, changed } = batch
  const writer = new BinaryWriter()
  if (partition > 0) writer.uint32(FIELD.partition).uint32(partition)
  if (epoch > 0) writer.uint32(FIELD.epoch).uint32(epoch)
  if (first > 0) writer.uint32(FIELD.first).uint64(first)
  numbers(writer, FIELD.steps, steps)
  if (at > 0) writer.uint32(FIELD.published).int64(at)
  if (compressed !== undefined) writer.uint32(FIELD.compressed).bytes(compressed)
  if (next > 0) writer.uint32(FIELD.next).uint64(next)
  if (leftOut > 0) writer.uint32(FIELD.leftOut).uint64(leftOut)
  numbers(writer, FIELD.later, later)
  for (const { event, gone } of changed) {
    writer.uint32(FIELD.changed).fork().uint32(EVENT).uint32(event)
    numbers(writer, GONE, gone)
    writer.join()
  }
  return writer.finish()
}

const batchOnWire = (batch: Batch): Buffer => {
  const head = headOf(batch)
  const length = head.length + (batch.compressed === undefined ? batch.bytes : 0)
  const bytes = Buffer.allocUnsafeSlow(1 + varint(length) + length)
  bytes[0] = BATCH
  let at = 1
  for (let left = length; ; left = Math.floor(left / 128)) {
    bytes[at++] = left < 128 ? left : (left & 127) | 128
    if (left < 128) break
  }
  bytes.set(head, at)
  at += head.length
  for (const row of batch.rows) {
    bytes.set(row, at)
    at += row.length
  }
  return bytes
}

const encoded = (what: NonNullable<ReadResponse["what"]>): Buffer =>
  Buffer.from(ReadResponse.encode(ReadResponse.fromPartial({ what })).finish())

const gapOnWire = ({ partition, epoch, from, to, why }: Gap): Buffer =>
  encoded({ $case: "gap", value: { partition, epoch, from: BigInt(from), to: BigInt(to), why } })

const startedOnWire = ({ places }: Started): Buffer => {
  const offsets = places.map(({ partition, epoch, offset }) => ({ partition, epoch, offset: BigInt(offset) }))
  return encoded({ $case: "started", value: { offsets } })
}

const live = encoded({ $case: "live", value: {} })

/** TF2 */
export const encodeRead = (told: Told): Buffer => {
  switch (told.kind) {
    case "batch":
      return (told.wire ??= batchOnWire(told))
    case "gap":
      return gapOnWire(told)
    case "started":
      return startedOnWire(told)
    case "live":
      return live
    case "filtered":
      return encoded({ $case: "filtered", value: figuresOnWire(told.figures) })
  }
}
