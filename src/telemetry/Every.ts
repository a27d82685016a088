/**
 * Work that is done again and again. Whoever forks it says how long: it ends by interruption alone.
 *
 *   LP1  Work that fails is told at debug, work that meets a defect as an error, both by what they are called; either way it is done again.
 *   LP2  Work that waits by itself, and meets a defect a second time in a row, rests for a second: it is no busy loop.
 *   LP3  Work that waits by itself has no failure in its type: what it waits for would be over, and fail at once again. Whoever has one
 *        begins what it waits for anew, with `every`.
 */
import { Cause, type Duration, Effect } from "effect"

/** Between two turns: so long, or until something happens. */
export type Pause = Duration.Input | Effect.Effect<unknown>

const REST = "1 second"

const waitOf = (pause: Pause): Effect.Effect<unknown> => (Effect.isEffect(pause) ? pause : Effect.sleep(pause))

/** What of an error is for the log. */
export const saidOf = (error: unknown) => {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown }
  return { ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { reason: message }) }
}

/** True: it met a defect. LP1 */
const told = <A, E, R>(what: string, work: Effect.Effect<A, E, R>): Effect.Effect<boolean, never, R> =>
  Effect.matchCauseEffect(work, {
    onSuccess: () => Effect.succeed(false),
    onFailure: (cause): Effect.Effect<boolean> => {
      if (Cause.hasDies(cause)) return Effect.as(Effect.logError(what, cause), true)
      const failed = cause.reasons.find(Cause.isFailReason)
      return failed === undefined ? Effect.interrupt : Effect.as(Effect.logDebug(what, saidOf(failed.error)), false)
    }
  })

/** Does the work and pauses, in turn. `what`: said of work that did not succeed, as in "API keys were not read". */
export const every = <A, E, R>(
  what: string,
  pause: Pause,
  work: Effect.Effect<A, E, R>
): Effect.Effect<never, never, R> => told(what, work).pipe(Effect.andThen(waitOf(pause)), Effect.forever)

/** The same, and begins with the pause. */
export const afterEvery = <A, E, R>(
  what: string,
  pause: Pause,
  work: Effect.Effect<A, E, R>
): Effect.Effect<never, never, R> => waitOf(pause).pipe(Effect.andThen(told(what, work)), Effect.forever)

/** Does work that waits by itself for what there is to do. LP3 */
export const always = <A, R>(what: string, work: Effect.Effect<A, never, R>): Effect.Effect<never, never, R> =>
  Effect.suspend(() => {
    let before = false
    return told(what, work).pipe(
      Effect.flatMap((met) => {
        const again = met && before
        before = met
        return again ? Effect.sleep(REST) : Effect.void // LP2
      }),
      Effect.forever
    )
  })
