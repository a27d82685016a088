/**
 * Fixes, when a stage begins, how far it goes: `Begun.below`. Pure state.
 *
 *   BJ1  A percentage is that of all buckets, and a count takes the smallest of those that are connected; either has one instance at least, if
 *        any that the stage names is connected.
 *   BJ2  It depends on who is connected alone, not on the order in which they were read.
 */

import type { Stage } from "../plans/Plan.ts"
import type { ClientView } from "../updates/Client.ts"
import { bucketOf, isNamed } from "./Cohort.ts"

/** Of all buckets. */
export const ALL = 2 ** 32

export const makeBound = (stage: Stage, salt: string) => {
  const { share } = stage
  const buckets: Array<number> = []
  return {
    /** Takes in an instance that is connected and wants a target of the rollout. */
    add: (client: Pick<ClientView, "instance" | "labels">): void => {
      if (isNamed(stage, client)) buckets.push(bucketOf(salt, client.instance))
    },
    /** How many are connected of those whom the stage names, and how many of them are in it. */
    fix: (): { readonly below: number; readonly named: number; readonly within: number } => {
      const sorted = Float64Array.from(buckets).sort()
      const named = sorted.length
      const smallest = sorted[0] ?? -1
      const below =
        "percent" in share
          ? Math.max(Math.min(ALL, Math.floor((share.percent / 100) * ALL)), smallest + 1)
          : (sorted[Math.min(share.count, named) - 1] ?? -1) + 1 // BJ1
      return { below, named, within: sorted.findLastIndex((bucket) => bucket < below) + 1 }
    }
  }
}

/** Whether a stage has every instance there is, or will be. */
export const isEverybody = ({ where, instances, share }: Stage): boolean =>
  Object.keys(where).length === 0 && instances === undefined && "percent" in share && share.percent >= 100
