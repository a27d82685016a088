/**
 * Port: the log of topics, in partitions. Everything fails as its system does: in PostgreSQL `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`; in
 * Kafka `TopicLogUnavailable`, `TopicLogBusy`, `TopicLogRefused` or `KafkaTopicExists`, and for what Herald notes of it as PostgreSQL.
 *
 *   TL1  What is answered as placed is as durable as the log is, and is read by everybody at that place as long as it is kept.
 *   TL2  What is answered as refused or late never comes into the log afterwards. `OutcomeUnknown` says that an answer was lost: it is there by now, or
 *        never will be; with a producer it may be sent again.
 *   TL3  Offsets of a partition are given in the order of the commits, without gaps: who has read up to one misses nothing before it.
 *   TL4  Nobody owns a partition: any node appends to it, and one that was away for long does no harm. What is right of a producer is decided where the
 *        offsets are given.
 *   TL5  What can't be read as it was written is a gap that says so, and never left out in silence.
 *   TL6  Events of a partition are in the order of the times at which they came, so the first at or after a time is found exactly.
 *   TL7  What can't be known of one topic is not the answer for others: who asks for several and takes the unknown is answered within seconds, for all
 *        that is known by then.
 */
import { Context, type Effect, type Scope } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Batch, Outcome } from "./Batch.ts"
import type { Place } from "./MessageId.ts"
import type { Bounds, PartitionId, Read } from "./Piece.ts"
import type { Topic } from "./Topic.ts"
import type { Opened } from "./TopicStore.ts"

/** Bytes of events in one read, at least of one segment. */
export const MOST_READ = 8_388_608

export interface ReadOptions {
  /** As they are stored. A first segment that has more is given nevertheless; what reads may take at once is `MOST_READ`. */
  readonly maxBytes: number
  /** Whether segments may come packed. */
  readonly packed: boolean
}

/** How a log follows what is done to topics, where another system holds it. */
export interface LogTopics {
  /** What is wrong with a name there, as a sentence; undefined: nothing is known. */
  readonly wrongName: (name: string) => string | undefined
  /** Returns how it is known there. Fails `KafkaTopicExists`, `TopicLogRefused`, `TopicLogUnavailable`: nothing of it is left then, or it is said. */
  readonly create: (topic: Topic) => Effect.Effect<string, HeraldError>
  /** What was made for it, to what it has now; made anew where it is gone. Returns how it is known by now. May be done again. Fails as `create`. */
  readonly change: (topic: Topic) => Effect.Effect<string, HeraldError>
  /** What was made for it, with all events. Nothing to do where that is gone. Fails as `create`. */
  readonly remove: (topic: Topic) => Effect.Effect<void, HeraldError>
  /** After `TopicStore.open`: ends what older epochs have under way, and returns how far each partition is. */
  readonly open: (topic: number, producer: string) => Effect.Effect<Opened["sequences"], HeraldError>
}

export type Unknown = (topic: number, why: HeraldError) => void

/** What every kind of log has. */
export interface Log {
  /**
   * Waits for its turn and until it is durable, within the log's deadline. Batches of one caller's fibers that were begun one after the other are in
   * that order in their partition, when none of them fails. Fails besides `OutcomeUnknown`, and `Busy` when too much waits.
   */
  readonly append: (batch: Batch) => Effect.Effect<Outcome, HeraldError>
  /** From a place on. One behind the end is the end. Undefined: there is no such partition. */
  readonly read: (
    partition: PartitionId,
    from: Place,
    options: ReadOptions
  ) => Effect.Effect<Read | undefined, HeraldError>
  /** The first event that came at that time or later; where there is none yet, the end. Milliseconds since 1970. TL6 */
  readonly find: (partition: PartitionId, time: number) => Effect.Effect<Place | undefined, HeraldError>
  /**
   * Of all partitions of these topics, those that are there. `unknown` is called with each topic of which that can't be known now, and it is left out;
   * who gives none is failed by the first of them. TL7
   */
  readonly bounds: (
    topics: ReadonlyArray<number>,
    unknown?: Unknown
  ) => Effect.Effect<ReadonlyArray<Bounds>, HeraldError>
  /** Ends what is before an offset: it is not read any more, and its room is given back later. Returns the new bounds. */
  readonly trim: (partition: PartitionId, before: number) => Effect.Effect<Bounds | undefined, HeraldError>
  /**
   * Calls `grown` when a partition may have more than before, and with undefined when any may have. Such hints may be lost, late or doubled:
   * who waits for events asks for `bounds` as well, now and then. Never fails: returns once it listens, and connects again by itself.
   */
  readonly hints: (grown: (partition: PartitionId | undefined) => void) => Effect.Effect<void, never, Scope.Scope>
  /** Undefined: the store of topics does all that is to be done. */
  readonly elsewhere?: LogTopics
}

export class TopicLog extends Context.Service<TopicLog, Log>()("herald/topics/TopicLog") {}
