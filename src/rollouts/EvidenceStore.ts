/**
 * Port: evidence of all nodes, counted as it is written, so that reading it costs the same for ten instances and for ten thousand. Fails
 * `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   EE1, EE2 in Evidence.ts
 *   EE3  Instances of a node that died are gone since it was last heard.
 *   EE4  It ends with its rollout: what is over is kept as counts in the rollout's transitions alone.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Condition, Evidence } from "./Evidence.ts"
import type { Target } from "./Rollout.ts"

/** The newest state of an instance, from one session of it. */
export interface Sighting {
  readonly environment: string
  readonly rollout: string
  readonly service: string
  readonly instance: string
  readonly stage: number
  /** `<run>/<number>`. */
  readonly session: string
  /** Milliseconds since 1970, when that session began; later ones are newer, of the same time the greater `session`. EE2 */
  readonly since: number
  /** Counts what was heard in that session, from 1. EE2 */
  readonly number: number
  readonly is: Condition
  /** How often it broke its connection after it was sent the change, in this session: 0 or 1. */
  readonly broke: 0 | 1
  /** At most 200 characters; "" for none. */
  readonly reason: string
}

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
  readonly sightings: ReadonlyArray<Sighting>
  readonly counted: ReadonlyArray<Counted>
  readonly seen: ReadonlyArray<Seen>
}

/** An instance that is connected. */
export interface Connected {
  readonly service: string
  readonly instance: string
  readonly labels: Readonly<Record<string, string>>
}

export class EvidenceStore extends Context.Service<
  EvidenceStore,
  {
    /** What is of a rollout that is over, or of none, is left out. */
    readonly write: (batch: EvidenceBatch) => Effect.Effect<void, HeraldError>
    /** `slow`: milliseconds that gates ask about. Undefined: there is no such rollout, or it is over. */
    readonly read: (
      environment: string,
      rollout: string,
      options: {
        readonly lostAfterMillis: number
        readonly crashes: number
        readonly slow: ReadonlyArray<number>
      }
    ) => Effect.Effect<Evidence | undefined, HeraldError>
    /** What grows whenever there is evidence of any of them, by `<environment>/<rollout>`: one question for all. */
    readonly changed: Effect.Effect<ReadonlyMap<string, bigint>, HeraldError>
    /**
     * Who is connected, to whichever node, and wants one of the targets, each once: one page (PB1) of at most `limit`, in an order of their own,
     * behind `after` (the last of the page before; undefined: the first). How far a stage goes is fixed by it.
     */
    readonly population: (
      environment: string,
      targets: ReadonlyArray<Pick<Target, "kind" | "key">>,
      options: { readonly limit: number; readonly after: Pick<Connected, "service" | "instance"> | undefined }
    ) => Effect.Effect<ReadonlyArray<Connected>, HeraldError>
    /** Of the cohort, newest state first changed last: one page (PB1) of at most `limit`, behind `after` (an instance). */
    readonly instances: (
      environment: string,
      rollout: string,
      options: { readonly limit: number; readonly after: string; readonly is: Condition | undefined }
    ) => Effect.Effect<ReadonlyArray<Sighting & { readonly at: number }>, HeraldError>
  }
>()("herald/rollouts/EvidenceStore") {}
