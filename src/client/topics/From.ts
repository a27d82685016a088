/**
 * Where an application says that it begins. Pure.
 *
 *   QN1  Whatever stands for a place at one door stands for the same here: a word, an event's id, a time, places. What is none of them is an
 *        `OptionError`, never taken for another.
 */
import type { Start } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { copied, isRecord, refuse, shown } from "../OptionChecks.ts"
import { sentOffset, type TopicOffset } from "./Event.ts"

export type From =
  | "earliest"
  | "latest"
  /** An event's id, which comes first, of its partition alone; or a time such as "2026-11-27T09:30:00Z", by when Herald had the events. */
  | (string & {})
  | Date
  /** Milliseconds since 1970, or a date. */
  | { readonly time: number | Date }
  /** Of each partition the first that is wanted, as `position()` has it; partitions that are left out begin with what is new. */
  | { readonly offsets: ReadonlyArray<TopicOffset> }

export interface Beginning {
  readonly start: Start
  /** What is known of where it begins. */
  readonly offsets: ReadonlyArray<TopicOffset>
  /** The one partition that is meant. */
  readonly only: number | undefined
}

export const mostPartitions = 256
const epochs = 2 ** 32
/** As src/topics/MessageId.ts and From.ts have them. */
const ID = /^([^:]{1,200}):(0|[1-9]\d{0,2}):([1-9]\d{0,9}):(0|[1-9]\d{0,15})$/
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/

const forms =
  'Give "earliest", "latest", an event\'s id, a time such as "2026-11-27T09:30:00Z" or a Date, { time } or { offsets }.'

const word = (at: "earliest" | "latest"): Beginning => ({
  ...{ start: { at: { $case: at, value: true } }, offsets: [], only: undefined }
})

const timeOf = (millis: number, said: unknown): Beginning =>
  Number.isSafeInteger(millis) && millis >= 0
    ? { start: { at: { $case: "timeMs", value: BigInt(millis) } }, offsets: [], only: undefined }
    : refuse(`from is ${shown(said)}, which is no time since 1970 in whole milliseconds. ${forms}`)

export const isPartition = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < mostPartitions

const placesOf = (offsets: ReadonlyArray<TopicOffset>, only?: number): Beginning => ({
  start: { at: { $case: "offsets", value: { offsets: offsets.map(sentOffset), othersEarliest: false } } },
  ...{ offsets, only }
})

const offsetsOf = (given: unknown): ReadonlyArray<TopicOffset> => {
  if (!Array.isArray(given)) return refuse(`from.offsets is ${shown(given)}. Give a list, such as that of position().`)
  const seen = new Set<number>()
  return given.map((one: unknown, at) => {
    const { partition, epoch, offset } = isRecord(one) ? one : refuse(`from.offsets[${at}] is ${shown(one)}.`)
    if (!isPartition(partition)) return refuse(`from.offsets[${at}].partition is no number of a partition.`)
    const isEpoch = Number.isInteger(epoch) && (epoch as number) >= 1 && (epoch as number) < epochs
    if (!isEpoch) refuse(`from.offsets[${at}].epoch is no epoch. Give that of the event, or of position().`)
    if (!Number.isSafeInteger(offset) || (offset as number) < 0) refuse(`from.offsets[${at}].offset is no offset.`)
    if (seen.size === seen.add(partition).size) refuse(`from.offsets names partition ${partition} twice.`)
    return { partition, epoch: epoch as number, offset: offset as number }
  })
}

const textOf = (from: string, topic: string): Beginning => {
  if (from === "earliest" || from === "latest") return word(from)
  if (TIME.test(from)) return timeOf(Date.parse(from), from)
  const [, its, partition, epoch, offset] = ID.exec(from) ?? []
  const place = { partition: Number(partition), epoch: Number(epoch), offset: Number(offset) }
  if (
    its === undefined ||
    !isPartition(place.partition) ||
    place.epoch >= epochs ||
    !Number.isSafeInteger(place.offset)
  )
    return refuse(`from is ${shown(from)}, which is no place of a topic. ${forms}`)
  if (its !== topic) refuse(`from is an event of ${shown(its)}, not of ${shown(topic)}.`)
  return placesOf([place], place.partition)
}

/** Throws `OptionError`. QN1 */
export const beginningOf = (from: unknown, topic: string): Beginning => {
  if (from === undefined) return word("latest")
  if (typeof from === "string") return textOf(from, topic)
  if (from instanceof Date) return timeOf(Number(from), "a Date that is none")
  if (!isRecord(from)) return refuse(`from is ${shown(from)}. ${forms}`)
  const { time, offsets } = copied(from, "from", ["time", "offsets"])
  if ((time === undefined) === (offsets === undefined)) return refuse(`from needs either time or offsets. ${forms}`)
  if (offsets !== undefined) return placesOf(offsetsOf(offsets))
  return typeof time === "number" || time instanceof Date
    ? timeOf(Number(time), time)
    : refuse(`from.time is ${shown(time)}. ${forms}`)
}
