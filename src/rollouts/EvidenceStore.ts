/**
 * Port: evidence of all nodes, counted as it is written, so that reading it costs the same for ten instances and for ten thousand (decision 0030). Fails
 * `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   EE1, EE2, EE7 in Evidence.ts
 *   EE3  Instances of a node that died are gone since it was last heard; of one that comes back they are as it says again.
 *   EE4  It ends with its rollout: what is over is kept as counts in the rollout's transitions alone.
 *   EE5  An instance makes `bad` grow ten times at most, so that one which becomes well and unwell without end holds no decision up.
 *   EE6  It is complete while every node that is not dead has told of the newest transition, and said within `FRESH` that nothing it heard waits: what
 *        a node could not write, or the database was away for, is waited for.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Condition, Evidence } from "./Evidence.ts"
import type { Target } from "./Rollout.ts"
import type { EvidenceBatch, Sighted, Sighting } from "./Sighting.ts"

export type { Counted, EvidenceBatch, Seen, Sighted, Sighting } from "./Sighting.ts"

/** Milliseconds. EE6 */
export const FRESH = 3_000

/** An instance that is connected. */
export interface Connected {
  readonly service: string
  readonly instance: string
  readonly labels: Readonly<Record<string, string>>
}

export class EvidenceStore extends Context.Service<
  EvidenceStore,
  {
    /**
     * One transaction, which may be written twice. What is of a rollout that is over, or of none, is left out. Returns sessions whose sightings
     * have to be written again in a moment: it is not known yet that they have their instance.
     */
    readonly write: (batch: EvidenceBatch) => Effect.Effect<ReadonlyArray<string>, HeraldError>
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
    /** By `<environment>/<rollout>` what is another number whenever there is evidence, and when a node died or is back: one question for all. */
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
    /** Of the cohort, in the order of service and instance: one page (PB1) of at most `limit`, behind `after`. */
    readonly instances: (
      environment: string,
      rollout: string,
      options: {
        readonly limit: number
        readonly after: Pick<Sighting, "service" | "instance"> | undefined
        readonly is: Condition | undefined
      }
    ) => Effect.Effect<ReadonlyArray<Sighted>, HeraldError>
    /** This run ends by itself, and told its clients to leave: nobody waits for what it would have told. */
    readonly leave: (run: string) => Effect.Effect<void, HeraldError>
    /** Removes what is of rollouts that are over, at most `limit` rows, and returns how many. EE4 */
    readonly sweep: (limit: number) => Effect.Effect<number, HeraldError>
  }
>()("herald/rollouts/EvidenceStore") {}
