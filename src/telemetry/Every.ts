/**
 * Repeats work until it is interrupted, whatever happens to it.
 *
 *   LP1  A failure of the work is logged at debug, a defect, and that it was interrupted from elsewhere, as an error, each with what the
 *        work is called; either way it is done again.
 *   LP2  Work that waits by itself and ends like that twice in a row rests for a second, so that it is no busy loop.
 *   LP3  Work that waits by itself has no failure in its type: what it waited for would be over, and it would fail again at once. Work that
 *        can fail goes into `every`, and begins its waiting anew each time.
 */
import { Cause, type Duration, Effect } from "effect"

/** Between two turns: a time, or an effect to wait for. */
export type Pause = Duration.Input | Effect.Effect<unknown>

const REST = "1 second"

const waitOf = (pause: Pause): Effect.Effect<unknown> => (Effect.isEffect(pause) ? pause : Effect.sleep(pause))

/** What the log says of an error: its code and its message, if it has them. */
export const saidOf = (error: unknown) => {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown }
  return { ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { reason: message }) }
}

/** Does the work once; true when it met a defect or was interrupted from elsewhere. When its own fiber is interrupted it never answers. LP1 */
const told = <A, E, R>(what: string, work: Effect.Effect<A, E, R>): Effect.Effect<boolean, never, R> =>
  Effect.matchCauseEffect(work, {
    onSuccess: () => Effect.succeed(false),
    onFailure: (cause): Effect.Effect<boolean> => {
      const failed = Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)
      return failed === undefined
        ? Effect.as(Effect.logError(what, cause), true)
        : Effect.as(Effect.logDebug(what, saidOf(failed.error)), false)
    }
  })

/** Does the work, pauses, does it again. `what`: logged when it did not succeed, as in "API keys were not read". */
export const every = <A, E, R>(
  what: string,
  pause: Pause,
  work: Effect.Effect<A, E, R>
): Effect.Effect<never, never, R> => told(what, work).pipe(Effect.andThen(waitOf(pause)), Effect.forever)

/** The same, beginning with the pause. */
export const afterEvery = <A, E, R>(
  what: string,
  pause: Pause,
  work: Effect.Effect<A, E, R>
): Effect.Effect<never, never, R> => waitOf(pause).pipe(Effect.andThen(told(what, work)), Effect.forever)

/** Does work again and again that waits by itself until there is something to do. LP3 */
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
