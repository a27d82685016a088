/**
 * Bounds the memory that request bodies take.
 *
 *   B6  Bodies that are being read and parsed hold at most 64 MiB of this node in all, and those of one principal 48 MiB, however slowly
 *       they come: others still publish. One that would be more is told to come again.
 */
import { Context, Effect, Layer } from "effect"
import { CurrentIdentity } from "../../access/Identity.ts"
import { ByteBudget } from "../../bounds/ByteBudget.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"

/** Bytes. */
export const IN_ALL = 67_108_864
export const OF_ONE = 50_331_648
/** Milliseconds after which to come again. */
const AGAIN = 1_000

/** Of a node. */
export class Budget extends Context.Service<Budget, ByteBudget>()("herald/edge/http/Budget") {
  static readonly layer = Layer.sync(Budget, () => new ByteBudget(IN_ALL, OF_ONE))
}

/**
 * `bytes`: how long the body is, or at most may be. One that is larger than its principal's share is read while no other of that principal is.
 * Fails `RateLimited` (details.retryAfterMillis).
 */
export const reading = <A, E, R>(
  budget: ByteBudget,
  bytes: number,
  read: Effect.Effect<A, E, R>
): Effect.Effect<A, E | HeraldError, R> =>
  Effect.flatMap(CurrentIdentity, (identity): Effect.Effect<A, E | HeraldError, R> => {
    const owner = identity?.name ?? ""
    const counted = Math.min(bytes, OF_ONE)
    if (!budget.take(counted, owner)) {
      const message = `the server is reading ${budget.taken} bytes of requests, ${budget.takenBy(owner)} of them yours`
      return Effect.fail(failure("RateLimited", message, { details: { retryAfterMillis: AGAIN } }))
    }
    return Effect.ensuring(
      read,
      Effect.sync(() => budget.give(counted, owner))
    )
  })
