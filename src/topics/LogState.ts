/**
 * Port: what Herald keeps itself of logs that another system holds: how far producers have come, who writes for them, and histories of partitions.
 * Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   LH1  One writer holds a producer's events of a partition at a time: whoever takes it over says from whom, and does so only when it is still that one's.
 *   LH2  How far a producer has come is noted for its holder alone; a note of somebody who was replaced counts for nothing.
 *   LH3  A history begins once: of those who see at the same time that the last one was lost, all are told the same epoch.
 *   LH4  What a topic had goes with it, and a producer that nobody opened has no holder.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Known } from "./Batch.ts"
import type { PartitionId } from "./Piece.ts"
import type { Compression } from "./Topic.ts"

export interface Held {
  readonly known: Known
  /** What is in the log before this offset is in `known`; what is behind may not be. */
  readonly settled: number
  /** Undefined: nobody ever wrote of it. */
  readonly writer: string | undefined
}

/** How far a producer has come by its holder. */
export interface Settled extends PartitionId, Omit<Held, "writer"> {
  readonly producer: string
  readonly writer: string
}

/** By which a history is known again: what stood before an offset. */
export interface Mark {
  readonly offset: number
  /** When the event before it came, and under which leader. */
  readonly at: number
  readonly leader: number
}

/** Marks of a partition; older ones are forgotten. */
export const MARKS = 16

export interface History {
  readonly epoch: number
  /** Epochs and the offsets with which they began, in their order; at most `HISTORIES`. */
  readonly begun: ReadonlyArray<readonly [epoch: number, offset: number]>
  /** Ascending; at most `MARKS`. */
  readonly marks: ReadonlyArray<Mark>
}

/** What a log needs to know of a topic. */
export interface LogTopic {
  readonly name: string
  readonly partitions: number
  readonly compression: Compression
  /** How the system that holds its log knows it. */
  readonly madeAs?: string | undefined
  /** Hexadecimal: by which nodes know what one of them wrote there. It is shown nobody. */
  readonly sealKey: string
}

export class LogState extends Context.Service<
  LogState,
  {
    /** By id, those that there are (still). */
    readonly topics: (ids: ReadonlyArray<number>) => Effect.Effect<ReadonlyMap<number, LogTopic>, HeraldError>
    /** Undefined: nobody opened this producer. LH4 */
    readonly find: (partition: PartitionId, producer: string) => Effect.Effect<Held | undefined, HeraldError>
    /** Gives it to `to.writer` when `from` has it; returns the producer's epoch then, and undefined when it is another's. LH1 */
    readonly hold: (from: string | undefined, to: Settled) => Effect.Effect<number | undefined, HeraldError>
    /** LH2 */
    readonly settle: (all: ReadonlyArray<Settled>) => Effect.Effect<void, HeraldError>
    /** Partitions in which a producer ever wrote. */
    readonly partitionsOf: (topic: number, producer: string) => Effect.Effect<ReadonlyArray<number>, HeraldError>
    /** Those that were begun, by partition. */
    readonly histories: (topic: number) => Effect.Effect<ReadonlyMap<number, History>, HeraldError>
    /**
     * Begins one at an offset when the last one is `from`; returns the newest. Where it has none, those of all partitions of the topic that have none begin
     * together, in one epoch. Undefined: there is no such partition. LH3
     */
    readonly begin: (
      partition: PartitionId,
      from: number | undefined,
      at: number,
      marks: ReadonlyArray<Mark>
    ) => Effect.Effect<History | undefined, HeraldError>
    /** Of partitions in these epochs. */
    readonly mark: (
      all: ReadonlyArray<PartitionId & Pick<History, "epoch" | "marks">>
    ) => Effect.Effect<void, HeraldError>
  }
>()("herald/topics/LogState") {}
