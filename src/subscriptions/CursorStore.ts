/**
 * Port: how far subscriptions are, in shares that one node at a time hands out. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   SN1  What is written of a cursor is written by who claimed its share last, or not at all, however late it comes: the token is compared in the row
 *        that is written.
 *   SN2  Of what one holder writes the newest stays, in whatever order it arrives.
 *   SN3  A dead letter is written with the state in which it is done: both, or neither; and once, however often it is written.
 *   SN4  A share is nobody else's while its holder attends; it goes on where the last holder was. Times are by the store's clock.
 *   SN5  A run that goes on writes that it does, whatever it has: nothing a share, nothing a subscription, until any of that changes. Who has shares is
 *        told again when that is another than it was at a stamp. A stamp is of the moment of what comes with it.
 *   SN6  Who attends waits for nobody, but for who is just taking what it had, as its lease was over; who writes waits for nobody. What others have locked
 *        is left for the next time: of a subscription of which they have something nothing is written meanwhile.
 *   SN7  One answer tells of `TOLD` shares, about: of those that are named first, and of one subscription at least. Of the others that are to be told again
 *        it says so.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import type { Letter } from "./DeadLetter.ts"
import type { SavedCursor } from "./SavedCursor.ts"
import type { Slice } from "./Share.ts"
import type { Subscription } from "./Subscription.ts"

export interface Attending {
  readonly id: string
  readonly consumers: number
  /** Numbers of those that say which they are over all of their connections. */
  readonly lives: ReadonlyArray<number>
  /** True: it can't follow the topic's log, so whoever can has the shares. */
  readonly isBehind?: boolean
  /** Of what it knows of the shares; left out: of nothing. SN5 */
  readonly stamp?: string
}

/** How a subscription stands. */
export interface Standing {
  readonly subscription: Subscription
  /** Milliseconds since 1970, by the store's clock. */
  readonly now: number
  readonly stamp: string
  /** Its shares are to be told, and there is no room for them in this answer: its stamp is the one that was given. SN7 */
  readonly isCut?: true
  /** Who has consumers of it, the one first that has had them for longest. */
  readonly nodes: ReadonlyArray<{
    readonly run: string
    readonly consumers: number
    readonly lives: ReadonlyArray<number>
    readonly isBehind?: true
  }>
  /** Left out: as at the stamp that was given, or cut. Of one, "" as its run: nobody has it. SN5 */
  readonly shares?: ReadonlyArray<{ readonly share: number; readonly run: string; readonly token: bigint }>
}

export interface Claimed {
  readonly id: string
  /** Of the subscription. */
  readonly epoch: number
  readonly share: number
  readonly token: bigint
  readonly cursors: ReadonlyArray<{ readonly slice: Slice; readonly saved: SavedCursor }>
}

export interface Flush {
  readonly id: string
  readonly slice: Slice
  readonly token: bigint
  /** Grows with each state of this holder, from 1. */
  readonly version: number
  readonly saved: SavedCursor
  /** Events that are done in it as they are among these. */
  readonly letters: ReadonlyArray<Letter>
}

export interface Flushed {
  /** Places in what was given of those that were not written: another has them by now. */
  readonly lost: ReadonlyArray<number>
  /** Subscriptions of which nothing was written: they have too many dead letters. */
  readonly full: ReadonlyArray<string>
  /** Subscriptions of which nothing was written for now: others have something of them locked. SN6 */
  readonly locked: ReadonlyArray<string>
}

/** Shares of which one answer tells, and those of one subscription more. SN7 */
export const TOLD = 16_384

export class CursorStore extends Context.Service<
  CursorStore,
  {
    /**
     * This run has consumers of these, and goes on holding what it holds of them; of those that it does not name it has no consumers, and what it
     * holds of them it holds no longer than that. Those that are not there are left out of the answer. SN4, SN5
     */
    readonly attend: (
      run: string,
      attending: ReadonlyArray<Attending>,
      lastsMillis: number
    ) => Effect.Effect<ReadonlyArray<Standing>, HeraldError>
    /** As `attend`, of this one alone: nothing that it has of others ends, nor any share that it holds. */
    readonly enter: (
      run: string,
      attending: Attending,
      lastsMillis: number
    ) => Effect.Effect<Standing | undefined, HeraldError>
    /** Takes those that nobody has, or that this run has already, each under a new token; none when its lease is over, which only `attend` prolongs. */
    readonly claim: (
      run: string,
      shares: ReadonlyArray<{ readonly id: string; readonly share: number }>,
      lastsMillis: number
    ) => Effect.Effect<ReadonlyArray<Claimed>, HeraldError>
    /** One transaction, which may be written twice. Fails `Unkeepable` when one of them can never be written; then none is. SN1, SN2, SN3 */
    readonly flush: (cursors: ReadonlyArray<Flush>) => Effect.Effect<Flushed, HeraldError | Unkeepable>
    /** Gives them up, so that nobody has to wait. Does nothing to what is another's. */
    readonly give: (
      run: string,
      shares: ReadonlyArray<{ readonly id: string; readonly share: number; readonly token: bigint }>
    ) => Effect.Effect<void, HeraldError>
  }
>()("herald/subscriptions/CursorStore") {}
