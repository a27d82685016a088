/**
 * Runs a session in one supervised fiber: sends what the client is due until the session ends, then gives its place back.
 *
 *   S5  A defect ends its own session with `SessionCrashed`, is counted and logged, and touches no other.
 *   S3 in Session.ts
 */
import { Cause, type Clock, Deferred, Duration, Effect, Exit, FiberSet } from "effect"
import type { makeCounts } from "./Counts.ts"
import type { makeDelivery } from "./Delivery.ts"
import type { Ending } from "./Ending.ts"
import type { makeNotes } from "./Notes.ts"
import type { Session } from "./Session.ts"

interface Parts {
  readonly delivery: ReturnType<typeof makeDelivery>
  readonly notes: ReturnType<typeof makeNotes>
  readonly counts: Effect.Success<ReturnType<typeof makeCounts>>
  readonly clock: Clock.Clock
  readonly heartbeatTimeout: Duration.Input
}

const LEAVING: Ending = { name: "Draining", reason: "the server is leaving" }
const CRASHED: Ending = { name: "SessionCrashed", reason: "a defect ended this session" }

/** Starts the actor of a session that has taken its place. */
export const makeActor = Effect.fnUntraced(function* ({ delivery, notes, counts, clock, heartbeatTimeout }: Parts) {
  const fork = yield* FiberSet.makeRuntime()
  const timeout = Duration.toNanosUnsafe(heartbeatTimeout)

  /** Returns once the client has been silent for `heartbeatTimeout`. S3 */
  const silence = Effect.fnUntraced(function* (session: Session) {
    while (true) {
      const silent = clock.monotonicTimeNanosUnsafe() - session.heardAt
      if (session.answers && silent >= timeout) {
        const seconds = Number(silent / 1_000_000_000n)
        return { name: "SessionTimedOut", reason: `nothing was heard for ${seconds} s` } satisfies Ending
      }
      yield* Effect.sleep(Duration.nanos(session.answers ? timeout - silent : timeout))
    }
  })

  const life = (session: Session): Effect.Effect<Ending> =>
    Effect.raceAllFirst([delivery.live(session), silence(session), Deferred.await(session.ended)]).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.as(
              Effect.logError("session crashed", cause, { client: session.id.split("\u0000").join("/") }), // S5
              CRASHED
            )
      )
    )

  const stopped = (session: Session, exit: Exit.Exit<Ending>): void => {
    const why = Exit.isSuccess(exit) ? exit.value : Cause.hasInterruptsOnly(exit.cause) ? LEAVING : CRASHED
    const { ending, hadInstance } = session.close(why)
    if (hadInstance) notes.left(session, ending) // S4: otherwise the newer session speaks for the instance
    counts.ended(ending.name)
  }

  return (session: Session): void => {
    fork(life(session)).addObserver((exit) => stopped(session, exit))
  }
})
