/**
 * Port: topics, and the producers that are known of them. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   TS1  A name is one topic's at a time. A topic that was deleted is gone at once: nothing is appended to it or read of it, and one of the same name
 *        is another, with another id and other epochs.
 *   TS2  Whoever opens a producer has the only epoch that may append: what came of an earlier one is in the log by then, or never will be.
 *   TS3  A producer is remembered as long as the topic keeps its events, and at least seven days after it was last heard of. (held by test/contracts/TopicFaults.test.ts)
 *   TS6  Where another system holds the log, a topic is seen by nobody before it was made there; that of a name which is one there is nobody else's here. One that
 *        nobody has made for a minute gives way to the next of its name.
 *   TS4  With a note, what is created, changed or removed is in the audit log, in the same transaction.
 *   TS5  Of the producers that a topic may have no principal has more than four fifths. (held by test/contracts/TopicFaults.test.ts)
 */
import { Context, type Effect } from "effect"
import type { TopicScope } from "../access/TopicRights.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Changeable, Definition, LogKind, Retention, Topic } from "./Topic.ts"

/** Producers of a topic. */
export const PRODUCERS = 10_000
/** Of one principal in a topic. */
export const PRODUCERS_OF_ONE = (PRODUCERS * 4) / 5
/** `share`: they are all of one principal. */
export const producersFull = (share: boolean): HeraldError =>
  failure(
    "ProducersFull",
    share
      ? `the topic has ${PRODUCERS_OF_ONE} producers of this principal already`
      : `the topic has ${PRODUCERS} producers already`
  )
/** Milliseconds. TS3 */
export const REMEMBERED_MILLIS = 7 * 86_400_000
/** Topics in a page. */
export const MOST_TOPICS = 1_000

export interface TopicPage {
  /** By name, in the order of its bytes. */
  readonly topics: ReadonlyArray<Topic>
  /** There are more behind the last of these. */
  readonly more: boolean
}

export interface Opened {
  /** From 1, larger than every one before. */
  readonly epoch: number
  /** The newest sequence of each partition that has any. */
  readonly sequences: ReadonlyArray<{ readonly partition: number; readonly sequence: number }>
}

export interface Kept extends Pick<Retention, "millis"> {
  readonly id: number
}

/** Who did it and why, for the audit log. */
export interface Note {
  /** The principal. */
  readonly by: string
  /** Public id of the API key. */
  readonly keyId: string
  readonly message: string
}

export class TopicStore extends Context.Service<
  TopicStore,
  {
    /** Fails besides `TopicExists`, and `TopicsFull`. */
    readonly create: (definition: Definition, by: string, note?: Note) => Effect.Effect<Topic, HeraldError>
    readonly get: (name: string) => Effect.Effect<Topic | undefined, HeraldError>
    /** Those whose name begins with `prefix`, behind `after`. */
    readonly list: (
      prefix: string,
      after: string,
      limit: number,
      /** Others are as if they were not there. */
      scope?: TopicScope
    ) => Effect.Effect<TopicPage, HeraldError>
    /**
     * Changes what is given, of the version `expected` or of any. Undefined: there is no such topic. Fails besides `TopicConflict` when it has another
     * version, `InvalidInput` for fewer partitions than there are (TT3), and `TopicsFull`.
     */
    readonly update: (
      name: string,
      change: Partial<Changeable>,
      expected?: number,
      note?: Note
    ) => Effect.Effect<Topic | undefined, HeraldError>
    /** False: there was none. What it held is removed by `TopicSweep`. TS1 */
    readonly remove: (name: string, note?: Note) => Effect.Effect<boolean, HeraldError>
    /** It is there, as this, from now on: TS6. Undefined: there is no such topic, or not any more. */
    readonly made: (id: number, as: string) => Effect.Effect<Topic | undefined, HeraldError>
    /** It will not be made. False: there is none, or it was. TS6 */
    readonly unmade: (id: number, note?: Note) => Effect.Effect<boolean, HeraldError>
    /** How many producers the topic remembers. */
    readonly producers: (topic: number) => Effect.Effect<number, HeraldError>
    /** Ids of all topics of that log, and how long each keeps its events. */
    readonly kept: (log: LogKind) => Effect.Effect<ReadonlyArray<Kept>, HeraldError>
    /** `producer`: as Owned.ts has it. Undefined: there is no such topic. Fails besides `ProducersFull`. TS2 */
    readonly open: (topic: number, producer: string) => Effect.Effect<Opened | undefined, HeraldError>
  }
>()("herald/topics/TopicStore") {}
