/** What the machine of a subscription is given, and what a look at it found to do. Pure. */
import type { Cursor } from "./Cursor.ts"
import type { Delivery } from "./Outgoing.ts"
import type { Tally } from "./Tally.ts"
import type { Blocked } from "./Turn.ts"

/** What is behind one that comes back is to be handed in. */
export interface Recall<B> {
  readonly session: string
  readonly cursor: Cursor<B>
  /** The one that comes back. */
  readonly offset: number
  /** Of its key; 0: events without one. */
  readonly hash: number
}

export interface Polled<B> {
  readonly deliveries: ReadonlyArray<Delivery<B>>
  /** Milliseconds: when to ask again, though nothing is heard; undefined: only then. */
  readonly wake: number | undefined
  readonly blocked: Blocked
  /** Not all was looked at: ask again at once. */
  readonly more: boolean
  /** What to read next: from which offset on. */
  readonly wants: ReadonlyMap<Cursor<B>, number>
}

export interface DispatchOptions {
  /** Bytes of bodies that wait. */
  readonly budget: number
  /** The first token is above it. */
  readonly tokens: number
  /** Where it is counted. */
  readonly tally?: Tally
}
