/**
 * Waits, when the server starts, until something is there, and says so meanwhile. Every.ts is for what goes on for ever.
 *
 *   WF1  Each try that fails is logged as a warning that says what is waited for; the next comes a pause later. What is not worth waiting
 *        for fails at once, without a line, and so does a defect.
 */
import { type Duration, Effect, Schedule } from "effect"
import { saidOf } from "./Every.ts"

interface Forever {
  /** Between two tries; a second when left out. */
  readonly pause?: Duration.Input
}

interface Worth<E> extends Forever {
  /** Whether another try may end differently. */
  readonly while: (error: E) => boolean
  /** Tries after the first, at most; no end when left out. */
  readonly times?: number
}

const PAUSE = "1 second"

/** `what`: for the log, as in "waiting for the database". */
export function waitFor<A, E, R>(
  what: string,
  work: Effect.Effect<A, E, R>,
  options?: Forever
): Effect.Effect<A, never, R>
export function waitFor<A, E, R>(what: string, work: Effect.Effect<A, E, R>, options: Worth<E>): Effect.Effect<A, E, R>
export function waitFor<A, E, R>(what: string, work: Effect.Effect<A, E, R>, options: Forever | Worth<E> = {}) {
  const { pause = PAUSE } = options
  const worth = "while" in options ? options.while : () => true
  const times = "times" in options ? options.times : undefined
  const schedule = Schedule.spaced(pause)
  return work.pipe(
    Effect.tapError((error) => (worth(error) ? Effect.logWarning(what, saidOf(error)) : Effect.void)),
    Effect.retry({
      while: worth,
      schedule: times === undefined ? schedule : schedule.pipe(Schedule.upTo({ times }))
    }),
    "while" in options ? (waited) => waited : Effect.orDie // WF1: without an end, it can't fail
  )
}
