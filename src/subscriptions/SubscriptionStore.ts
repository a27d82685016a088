/**
 * Port: what subscriptions there are, and what of them came to nothing. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   SM1  A subscription and where it begins are written together: from then on it misses nothing, whether anybody consumes or not.
 *   SM2  Who sets the position anew ends all that was: nobody who hands it out, or writes how far it is, may do so any more without claiming it again.
 *   SM3  A dead letter is kept until somebody removes it, with all that is needed to publish it again.
 *   SM5  What is said of it is changed by whoever knows its version, one after the other: none is lost.
 *   SM6  What is stopped is only resumed: no pause and no error is written over it.
 *   SM4  What somebody does is in the audit log with it: both, or neither. `note`: who and why; what the system does by itself has none.
 */
import { Context, type Effect } from "effect"
import type { TopicScope } from "../access/TopicRights.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Note } from "../topics/TopicStore.ts"
import type { DeadLetter } from "./DeadLetter.ts"
import type { Begin } from "./Place.ts"
import type { Failed } from "./SavedCursor.ts"
import type { Definition, Subscription, SubscriptionChange, SubscriptionStatus } from "./Subscription.ts"

export interface NewSubscription extends Definition {
  readonly topicId: number
  readonly slices: number
}

/** How far one cursor is, as it was written last. */
export interface Progress {
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly share: number
  readonly logEpoch: number
  readonly floor: number
  readonly ranges: Uint8Array
  /** Events that failed and are not done. */
  readonly failed: number
}

/** An event that failed and is tried again, as it was written last: none that was rejected. */
export interface Retrying extends Failed {
  readonly partition: number
  readonly logEpoch: number
}

export interface SubscriptionCounts {
  readonly consumers: number
  readonly deadLetters: number
}

export interface StatusChange {
  readonly status: SubscriptionStatus
  /** Characters are at most 1,000. */
  readonly reason: string
  /** Milliseconds from now by the store's clock; null: until it is changed again. */
  readonly pausedMillis: number | null
}

export class SubscriptionStore extends Context.Service<
  SubscriptionStore,
  {
    /** Fails besides `SubscriptionExists`, `SubscriptionsFull`. SM1 */
    readonly create: (
      made: NewSubscription,
      begins: ReadonlyArray<Begin>,
      by: string,
      note?: Note
    ) => Effect.Effect<Subscription, HeraldError>
    readonly get: (topicName: string, subscriptionName: string) => Effect.Effect<Subscription | undefined, HeraldError>
    /** Of a topic, or of all for "": one page in the order of topic and name, behind `after`. */
    readonly list: (
      topicName: string,
      options: {
        readonly limit: number
        readonly after: Pick<Definition, "topicName" | "subscriptionName"> | undefined
        /** Those of other topics are as if they were not there. */
        readonly scope?: TopicScope
      }
    ) => Effect.Effect<ReadonlyArray<Subscription>, HeraldError>
    /** With its cursors and dead letters. False: there is none. */
    readonly remove: (topicName: string, subscriptionName: string, note?: Note) => Effect.Effect<boolean, HeraldError>
    /** Undefined: there is none, its epoch is another by now, or it is stopped and is to be paused or in error. SM6 */
    readonly change: (
      subscription: Pick<Subscription, "id" | "epoch">,
      change: StatusChange,
      note?: Note
    ) => Effect.Effect<Subscription | undefined, HeraldError>
    /** Undefined: there is none, or its version is another by now. */
    readonly update: (
      subscription: Pick<Subscription, "id" | "version">,
      change: SubscriptionChange,
      note?: Note
    ) => Effect.Effect<Subscription | undefined, HeraldError>
    /** Undefined: there is none. Partitions that are left out stay where they are. SM2 */
    readonly seek: (
      topicName: string,
      subscriptionName: string,
      begins: ReadonlyArray<Begin>,
      note?: Note
    ) => Effect.Effect<Subscription | undefined, HeraldError>
    /** Adds cursors of partitions that it has none of; those that it has stay as they are. */
    readonly extend: (
      subscription: Pick<Subscription, "id" | "type" | "slices">,
      begins: ReadonlyArray<Begin>
    ) => Effect.Effect<void, HeraldError>
    /** In the order of partition and slice. */
    readonly progress: (id: string) => Effect.Effect<ReadonlyArray<Progress>, HeraldError>
    /** Those that are due first, at most so many; then in the order of their places. */
    readonly retrying: (id: string, limit: number) => Effect.Effect<ReadonlyArray<Retrying>, HeraldError>
    /** Whose dead letters go to the topic of that name, at most so many, in the order of topic and name. */
    readonly deadLettersTo: (
      topicName: string,
      limit: number
    ) => Effect.Effect<ReadonlyArray<Subscription>, HeraldError>
    /** Of all nodes. */
    readonly counts: (id: string) => Effect.Effect<SubscriptionCounts, HeraldError>
    /**
     * In the order in which they came, behind `after` (0: the first): one page, of which the events have at most `maxBytes`, but for the first. Fewer
     * than `limit` do not say that these were all. SM3
     */
    readonly deadLetters: (
      id: string,
      options: { readonly limit: number; readonly after: number; readonly maxBytes: number }
    ) => Effect.Effect<ReadonlyArray<DeadLetter>, HeraldError>
    /** Removes them, or so many of the oldest; returns how many of them there were. */
    readonly bury: (
      id: string,
      letters: ReadonlyArray<number> | number,
      why: "replay" | "drop",
      note?: Note
    ) => Effect.Effect<number, HeraldError>
  }
>()("herald/subscriptions/SubscriptionStore") {}
