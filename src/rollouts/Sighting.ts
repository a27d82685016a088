/** What a node tells of the instances of a rollout. Pure. */
import type { Condition } from "./Evidence.ts"

/** The newest state of an instance, from one session of it. */
export interface Sighting {
  readonly environment: string
  readonly rollout: string
  readonly service: string
  readonly instance: string
  readonly stage: number
  /** `<run>/<number>`. */
  readonly session: string
  /** Milliseconds since 1970, when that session began, by its node's clock. */
  readonly since: number
  /** Counts what was heard in that session, from 1. 0: it was said to a node that does not have the session. EE2 */
  readonly number: number
  /** The newest of these numbers that was news: whatever was heard since was heard again. 0 with number 0. EE2 */
  readonly news: number
  readonly is: Condition
  /** In that session it said how it is. EE7 */
  readonly said: boolean
  /** How often it broke its connection after it was sent the change, in this session: 0 or 1. */
  readonly broke: 0 | 1
  /** At most 200 characters; "" for none. */
  readonly reason: string
}

/** How an instance is, as it is kept. `at`: since when, milliseconds since 1970. */
export type Sighted = Omit<Sighting, "said" | "news"> & { readonly at: number }

/** What instances of one run of a node counted, all in all, so that writing it twice changes nothing. */
export interface Counted {
  readonly environment: string
  readonly rollout: string
  readonly side: "cohort" | "control"
  readonly metric: string
  readonly total: number
}

/** A node has told of all its instances, as they are since this version of the rollout. */
export interface Seen {
  readonly environment: string
  readonly rollout: string
  readonly version: number
}

export interface EvidenceBatch {
  readonly run: string
  /** After so long without a sign of life this run is dead. EE3 */
  readonly timeoutMillis: number
  readonly sightings: ReadonlyArray<Sighting>
  readonly counted: ReadonlyArray<Counted>
  readonly seen: ReadonlyArray<Seen>
  /** With this all is written that the run has heard. EE6 */
  readonly all: boolean
}
