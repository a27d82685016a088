/** Does what a call asks as whoever calls, and counts it in the limits of each environment that it turns out to touch. LX3 in src/limits/Counting.ts */
import { Effect } from "effect"
import { Access } from "../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../access/Identity.ts"
import { isAnonymous } from "../../flags/OpenFlags.ts"
import { type CountIn, Counting } from "../../limits/Counting.ts"

export interface Calling {
  /** Of one call, which counts as one; undefined: there is nothing to count in, or nobody whose limits these were. */
  readonly countOf: (identity: Identity) => CountIn | undefined
  /** `count`: of its call, where it was counted by then; left out, it was not. */
  readonly as: <A, E, R>(
    identity: Identity,
    work: Effect.Effect<A, E, R>,
    count?: CountIn | undefined
  ) => Effect.Effect<A, E, R>
}

export const makeCalling: Effect.Effect<Calling, never, Access> = Effect.gen(function* () {
  const { counting } = yield* (yield* Access).atOnce
  const countOf: Calling["countOf"] = (identity) => (isAnonymous(identity) ? undefined : counting(1, undefined))
  return {
    countOf,
    as: (identity, work, count = countOf(identity)) => {
      const known = Effect.provideService(work, CurrentIdentity, identity)
      return count === undefined ? known : Effect.provideService(known, Counting, count)
    }
  }
})
