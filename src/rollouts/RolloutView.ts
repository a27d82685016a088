/** What a node knows of rollouts: those that are active, and those that were taken back whose targets nobody changed since. */
import { Context } from "effect"
import type { View } from "../propagation/View.ts"
import type { Rollout, Target } from "./Rollout.ts"

export class RolloutView extends Context.Service<
  RolloutView,
  View<Rollout> & {
    /** The one that a key has to do with: the active one, or the last that was taken back. */
    readonly of: (environment: string, target: Pick<Target, "kind" | "key">) => Rollout | undefined
    readonly find: (environment: string, key: string) => Rollout | undefined
    readonly active: () => Iterable<Rollout>
    /** All that it knows. */
    readonly all: () => Iterable<Rollout>
    /** Calls back, within `apply`, with each rollout that changed, and with undefined when the view was read anew. Ends with the scope's end. */
    readonly listen: (tell: (changed: Rollout | undefined) => void) => () => void
  }
>()("herald/rollouts/RolloutView") {}
