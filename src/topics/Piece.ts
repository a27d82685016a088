/** What a log is read as: segments of events, and gaps where there are none. Pure. */
import type { Place } from "./MessageId.ts"

export interface PartitionId {
  /** The topic's id. */
  readonly topic: number
  readonly partition: number
}

/** A key for maps. */
export const partitionKey = ({ topic, partition }: PartitionId): string => `${topic}/${partition}`

/** Events that follow each other, as they are stored. */
export interface Segment {
  readonly is: "segment"
  /** Of the first. It may be before what was asked for: a segment is given whole. */
  readonly base: number
  readonly count: number
  /** When they came into the log, by the store's clock: milliseconds since 1970, never less than of what is before. */
  readonly at: number
  readonly codec: "none" | "zstd"
  /** Packed by `codec`: events as `Message.ts` says. */
  readonly bytes: Uint8Array
  /** Of each event's key; undefined: none has one. */
  readonly hashes: Uint16Array | undefined
}

/**
 * retention: they were kept as long as the topic says. corrupt: what is stored is not what was written. epoch: history was lost, and what the
 * reader had beyond `to` is not in this one; where `from` is `to`, it had nothing of that. empty: offsets that no event ever had: marks of
 * transactions in Kafka, and what was aborted in one. Nothing is missing. unfit: another program put it into Kafka, and it has more than an event may have.
 */
export type GapReason = "retention" | "corrupt" | "epoch" | "empty" | "unfit"

/** Events that there are not, or not any more. */
export interface Gap {
  readonly is: "gap"
  readonly from: number
  /** Where it goes on. After an epoch ended this may be before `from`: other events have these offsets now. */
  readonly to: number
  readonly why: GapReason
}

export type Piece = Segment | Gap

export const endOf = (piece: Piece): number => (piece.is === "gap" ? piece.to : piece.base + piece.count)

export interface Read {
  /** The epoch of the partition, and so of everything here. */
  readonly epoch: number
  /** In order, without holes from where it was asked for. None: the reader has reached the end. */
  readonly pieces: ReadonlyArray<Piece>
  /** From where to read on. */
  readonly next: number
}

/** How far a partition goes. */
export interface Bounds extends PartitionId {
  readonly epoch: number
  /** Epochs that were before it, the oldest first, as far as they are remembered (`HISTORIES`); left out: there was none. */
  readonly before?: ReadonlyArray<number>
  /** The oldest event that there is; `next`, where there is none. */
  readonly first: number
  /** The offset that is given next. */
  readonly next: number
  /** As they are stored. */
  readonly bytes: number
}

/** The place behind the newest event. */
export const endPlace = ({ epoch, next }: Bounds): Place => ({ epoch, offset: next })
