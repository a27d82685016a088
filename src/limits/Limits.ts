/**
 * Port: how often somebody may, counted over all nodes where they have something to count in together, and by each node otherwise.
 *
 *   LJ1  Nobody waits for it: it says at once, whatever becomes of what the nodes share.
 *   LJ2  It goes by a clock that goes forward: a step of the time of day neither fills a bucket nor keeps it from being filled.
 */
import { Context } from "effect"
import { type RateLimit, RateLimits } from "./RateLimits.ts"

export interface Rates {
  /** Takes `cost` tokens of a bucket and returns 0, or the milliseconds until there are as many. `now`: milliseconds of a clock that goes forward. */
  readonly take: (name: string, now: number, cost?: number) => number
  /** Whole tokens that a bucket has, as far as this node knows. */
  readonly left: (name: string, now: number) => number
}

/** `of`: what is limited, such as `principal`; buckets of one name are those of all nodes. */
export const Limits = Context.Reference<(of: string, limit: RateLimit) => Rates>("herald/limits/Limits", {
  defaultValue: () => (_, limit) => new RateLimits(limit)
})
