/**
 * Runs a session in one supervised fiber: sends what the client is due until the session ends, then gives its place back.
 *
 *   S5  A defect ends its own session with `SessionCrashed`, is counted and logged, and touches no other.
 */
import { Cause, Effect, Exit, FiberSet } from "effect"
import type { makeCounts } from "./Counts.ts"
import type { makeDelivery } from "./Delivery.ts"
import type { Ending } from "./Ending.ts"
import type { makeNotes } from "./Notes.ts"
import type { Session } from "./Session.ts"

interface Parts {
  readonly delivery: ReturnType<typeof makeDelivery>
  readonly notes: ReturnType<typeof makeNotes>
  readonly counts: Effect.Success<ReturnType<typeof makeCounts>>
}

const LEAVING: Ending = { name: "Draining", reason: "the server is leaving" }
const CRASHED: Ending = { name: "SessionCrashed", reason: "a defect ended this session" }

/** Starts the actor of a session that has taken its place. */
export const makeActor = Effect.fnUntraced(function* ({ delivery, notes, counts }: Parts) {
  const fork = yield* FiberSet.makeRuntime()
  const life = (session: Session): Effect.Effect<Ending> =>
    Effect.catchCause(delivery.live(session), (cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause as Cause.Cause<never>)
        : Effect.as(
            Effect.logError("session crashed", cause, { client: session.id.split("\u0000").join("/") }), // S5
            CRASHED
          )
    )

  const stopped = (session: Session, exit: Exit.Exit<Ending>): void => {
    const why = Exit.isSuccess(exit) ? exit.value : Cause.hasInterruptsOnly(exit.cause) ? LEAVING : CRASHED
    const { ending, hadInstance } = session.close(why)
    if (hadInstance) notes.left(session, ending) // S4: otherwise the newer session speaks for the instance
    counts.ended(ending.name)
  }

  return (session: Session): void => {
    const actor = fork(life(session))
    actor.addObserver((exit) => stopped(session, exit))
    session.whenEnded(() => actor.interruptUnsafe())
  }
})
