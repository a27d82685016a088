/**
 * Counts a request in the limits of an environment as soon as a use case learns which it is about: `requirePermission` asks here.
 *
 *   LX3  A request counts once in each environment that it touches, wherever that is said: in its URL, its head or its body.
 */
import { Context } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Spender } from "./Spending.ts"

export interface CountIn {
  /** Undefined: it is within its limits. */
  readonly count: (who: Spender, environment: string) => HeraldError | undefined
  /** In which it was counted last. */
  readonly environment: () => string | undefined
}

/** Of the request that is being answered; undefined: there are no such limits, or its door counts by itself. */
export const Counting = Context.Reference<CountIn | undefined>("herald/limits/Counting", {
  defaultValue: () => undefined
})

/** `counted`: an environment in which it was counted before. */
export const countingOnce = (count: CountIn["count"], counted: string | undefined): CountIn => {
  const seen = new Set(counted === undefined ? [] : [counted])
  let last = counted
  return {
    count: (who, environment) => {
      if (seen.has(environment)) return undefined
      const refused = count(who, environment)
      if (refused !== undefined) return refused
      seen.add(environment)
      last = environment
      return undefined
    },
    environment: () => last
  }
}
