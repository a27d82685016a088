/** Delays what comes on a stream that stays open, instead of refusing it. A4 in Access.ts */
import { Effect } from "effect"
import { Access } from "./Access.ts"
import type { Identity } from "./Identity.ts"

/** Milliseconds until it is looked again whether something that is delayed may begin. */
const LOOK = 1_000

/** Returns when `identity` may do what costs as many requests, or when nobody waits for it any more. */
export type Paced = (identity: Identity, cost: number, isOver: () => boolean) => Effect.Effect<void>

export const makePacing = Effect.map(Access, ({ spend }): Paced => {
  const paced: Paced = (identity, cost, isOver) =>
    Effect.catch(spend(identity, cost), ({ details }) => {
      const wait = Math.min(LOOK, Number(details?.["retryAfterMillis"] ?? 1))
      return isOver() ? Effect.void : Effect.andThen(Effect.sleep(wait), paced(identity, cost, isOver))
    })
  return paced
})
