/** Port: reads rollouts from the store; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`. */
import { Context, type Effect } from "effect"
import type { TouchScope } from "../access/About.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Rollout, State, Target } from "./Rollout.ts"

export class RolloutStore extends Context.Service<
  RolloutStore,
  {
    /**
     * All that nodes have to know, of every environment: those that are active, and those that were taken back whose targets nobody changed since.
     * In the order of their revisions, behind `after`, at most `limit` and one page (PB1).
     */
    readonly present: (after: bigint, limit: number) => Effect.Effect<ReadonlyArray<Rollout>, HeraldError>
    /** Undefined: there is none. */
    readonly find: (environment: string, key: string) => Effect.Effect<Rollout | undefined, HeraldError>
    /** Without those that are over and behind the horizon, which `find` and `history` have for ever. Newest first, those that began before the revision `before` (undefined: all): one page (PB1) of at most `limit`. */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        readonly before: bigint | undefined
        readonly state: State | "active" | undefined
        readonly touching: Pick<Target, "kind" | "key"> | undefined
        /** Only those of which each target is in it; left out: all. */
        readonly scope?: TouchScope
      }
    ) => Effect.Effect<ReadonlyArray<Rollout>, HeraldError>
    /** Its transitions, oldest first, behind the version `after`: one page (PB1). */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly after: number }
    ) => Effect.Effect<ReadonlyArray<Rollout>, HeraldError>
    /** The candidate of a target: `CandidateWish.wish`. Undefined: there is none (any more). */
    readonly candidate: (
      environment: string,
      key: string,
      target: Pick<Target, "kind" | "key">
    ) => Effect.Effect<string | undefined, HeraldError>
    /**
     * Makes the caller the owner of the decisions of a rollout: what an owner before it decides is refused from then on. Returns the fence and
     * the store's clock; undefined: there is none, or it is over. Fails `DatabaseReadOnly`, too. RQ1
     */
    readonly claim: (
      environment: string,
      key: string
    ) => Effect.Effect<{ readonly fence: bigint; readonly now: number } | undefined, HeraldError>
  }
>()("herald/rollouts/RolloutStore") {}
