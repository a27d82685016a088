/**
 * Port: dead letters that are to be appended to their topics. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   QI1  A dead letter has its place in its topic written down before it is appended there, by whoever holds the lease: one that was overtaken writes
 *        none any more. A place is of one letter: those that have it or a later one of that partition, and are not there, lose theirs.
 *   QI5  What its topic refuses is set aside with why, and no longer waits.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import type { DeadLetter } from "./DeadLetter.ts"

/** Letters of one subscription for one topic. */
export interface Bundle {
  readonly subscriptionId: string
  readonly topicName: string
  readonly subscriptionName: string
  /** Where they are to go. */
  readonly topic: string
}

export type BundleId = Pick<Bundle, "subscriptionId" | "topic">

/** Before all of them. */
export const firstBundle: BundleId = { subscriptionId: "0", topic: "" }

/** Among the events of the producer that appends them. */
export interface Numbered {
  /** The topic's id. */
  readonly target: number
  readonly partition: number
  /** From 1. */
  readonly sequence: number
}

export interface WaitingLetter extends DeadLetter {
  /** Written down, and perhaps appended; null: neither. */
  readonly numbered: Numbered | null
}

export class LetterBox extends Context.Service<
  LetterBox,
  {
    /** Those of which something waits and is not set aside, in the order of subscriptions and of topics, behind one. */
    readonly bundles: (after: BundleId, limit: number) => Effect.Effect<ReadonlyArray<Bundle>, HeraldError>
    /** The oldest that wait; of at most `maxBytes` of events, but for the first. */
    readonly waiting: (
      bundle: BundleId,
      options: { readonly limit: number; readonly maxBytes: number }
    ) => Effect.Effect<ReadonlyArray<WaitingLetter>, HeraldError>
    /** Writes down where they are about to be. False: another claim took the lease, and nothing was written. QI1 */
    readonly number: (
      lease: Lease,
      leaseMillis: number,
      letters: ReadonlyArray<Numbered & { readonly id: number }>
    ) => Effect.Effect<boolean, HeraldError>
    /** Sets them aside. At most 1,000 characters of why. QI5 */
    readonly refuse: (
      letters: ReadonlyArray<{ readonly id: number; readonly why: string }>
    ) => Effect.Effect<void, HeraldError>
    /** They are in their topic, and wait no more. */
    readonly posted: (ids: ReadonlyArray<number>) => Effect.Effect<void, HeraldError>
  }
>()("herald/subscriptions/LetterBox") {}
