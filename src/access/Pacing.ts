/** Delays what comes on a stream that stays open, instead of refusing it. A4 in Access.ts */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Access } from "./Access.ts"
import type { Identity } from "./Identity.ts"

/** Milliseconds until it is looked again whether something that is delayed may begin. */
const LOOK = 1_000

/** Returns when `identity` may do what costs as many requests, or when nobody waits for it any more. */
export type Paced = (
  identity: Identity,
  cost: number,
  isOver: () => boolean,
  environment?: string
) => Effect.Effect<void>

export const makePacing = Effect.map(Access, ({ spend, within }): Paced => {
  const until = (paid: () => Effect.Effect<void, HeraldError>, isOver: () => boolean): Effect.Effect<void> =>
    Effect.catch(Effect.suspend(paid), ({ details }) => {
      const wait = Math.min(LOOK, Number(details?.["retryAfterMillis"] ?? 1))
      return isOver() ? Effect.void : Effect.andThen(Effect.sleep(wait), until(paid, isOver))
    })
  return (identity, cost, isOver, environment) => {
    const spent = until(() => spend(identity, cost), isOver)
    return environment === undefined
      ? spent
      : Effect.andThen(
          until(() => within(identity, environment, cost), isOver),
          spent
        )
  }
})
