/**
 * Where an event is. Pure.
 *
 *   MI1  Places are compared within one partition of a topic and one epoch only: in another epoch the same offset may be another event.
 *   MI2  The text of an id is written in one way, and nothing else is read as one.
 */
import { isTopicName, PARTITIONS } from "./Topic.ts"

/** A place in a partition. */
export interface Place {
  /** Of the partition's history. It ends when history is lost: by a restore, or a promotion that lost the newest events. From 1, below 2^32. */
  readonly epoch: number
  /** Counts events of the partition from 0, without gaps, in the order of their commits. A safe integer: below 2^53. */
  readonly offset: number
}

export interface MessageId extends Place {
  readonly topic: string
  readonly partition: number
}

export const EPOCHS = 2 ** 32
/** Epochs of a partition that are remembered. */
export const HISTORIES = 64

/** Whether both are in one history, so that offsets say which is first. MI1 */
export const comparable = (a: MessageId, b: MessageId): boolean =>
  a.topic === b.topic && a.partition === b.partition && a.epoch === b.epoch

/** `a` comes after `b` in the same history. MI1 */
export const isAfter = (a: Place, b: Place): boolean => a.epoch === b.epoch && a.offset > b.offset

export const samePlace = (a: Place, b: Place): boolean => a.epoch === b.epoch && a.offset === b.offset

/** "orders/eu:3:1764225600:42": topic, partition, epoch, offset. */
export const messageIdText = ({ topic, partition, epoch, offset }: MessageId): string =>
  `${topic}:${partition}:${epoch}:${offset}`

const ID = /^([^:]{1,200}):(0|[1-9]\d{0,2}):([1-9]\d{0,9}):(0|[1-9]\d{0,15})$/

/** Undefined for what is none. MI2 */
export const messageIdOf = (text: string): MessageId | undefined => {
  const found = ID.exec(text)
  if (found === null) return undefined
  const topic = found[1]!
  const [partition, epoch, offset] = found.slice(2).map(Number) as [number, number, number]
  const right = isTopicName(topic) && partition < PARTITIONS && epoch < EPOCHS && Number.isSafeInteger(offset)
  return right ? { topic, partition, epoch, offset } : undefined
}
