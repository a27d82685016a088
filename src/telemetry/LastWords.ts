/**
 * What a node still does when it ends: writes what waits, gives up what others would wait for.
 *
 *   LW1  All of it together takes at most `ALL` from where the first begins, one after the other or at once, whatever hangs. Each has half of
 *        what is left, so that one that hangs leaves time to those behind it.
 *   LW2  What fails or is not done in time holds up nothing, and is in the log.
 */
import { Clock, Context, Duration, Effect } from "effect"
import { saidOf } from "./Every.ts"

export interface NodeEndShape {
  /** Milliseconds that are left of it; the first to ask begins it. `now`: milliseconds by a clock that does not jump. */
  readonly left: (now: number) => number
}

/** Milliseconds. LW1 */
export const ALL = 2_500

export const makeNodeEnd = (): NodeEndShape => {
  let until: number | undefined
  return {
    left: (now) => {
      until ??= now + ALL
      return Math.max(0, until - now)
    }
  }
}

/** That of a node; by default each has as much time as the first. */
export const NodeEnd = Context.Reference<NodeEndShape>("herald/telemetry/NodeEnd", {
  defaultValue: () => ({ left: () => ALL })
})

/**
 * For finalizers. `what`: for the log, as in "shares were not given up". Not made interruptible: in the finalizer of an interrupted fiber that would
 * end it at once.
 */
export const lastWords = <A, E, R>(what: string, work: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
  Effect.gen(function* () {
    const [{ left }, clock] = [yield* NodeEnd, yield* Clock.Clock]
    const millis = left(Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)) / 2
    yield* Effect.matchCauseEffect(Effect.timeout(work, Duration.millis(millis)), {
      onSuccess: () => Effect.void,
      onFailure: (cause) => {
        const failed = cause.reasons.find((reason) => reason._tag === "Fail")
        return failed === undefined ? Effect.logError(what, cause) : Effect.logWarning(what, saidOf(failed.error)) // LW2
      }
    })
  })
