/**
 * Sends one update to one client: writes what is news to it, and notes that.
 *
 *   DV2  Nothing is noted as sent that was not written, nor as held that the client did not say it holds.
 *   DV7  What a client has and has answered is not sent it again at a later position, as when a rollout that it was in is completed.
 *   DY1  A client that reads nothing for as long as it may be silent is ended, whatever it sends meanwhile.
 *   S6   A strict key is not sent while the view is stale; it is sent when the view is confirmed again.
 */
import { Duration, Effect, Metric } from "effect"
import { isNewer, type Position, sameEpoch, samePosition } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import { counter } from "../telemetry/Metrics.ts"
import type { Mark, ProblemUpdate, ValueUpdate } from "../updates/Update.ts"
import type { UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { HeldEntry } from "./Held.ts"
import type { makeNotes } from "./Notes.ts"
import type { Session } from "./Session.ts"
import type { Look } from "./Stage.ts"

interface Parts {
  readonly updates: Pick<UpdateSourceShape, "mark">
  readonly propagation: Pick<Propagation["Service"], "stale">
  readonly notes: Pick<ReturnType<typeof makeNotes>, "sent" | "held" | "problem">
  /** How long a transport may stay full. DY1 */
  readonly patience: Duration.Input
}

export const makeSending = ({ updates, propagation, notes, patience }: Parts) => {
  /** Waits until the transport takes more. DY1 */
  const drained = (session: Session): Effect.Effect<void> =>
    Effect.callback<void>((resume) => session.sink.drained(() => resume(Effect.void))).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => {
          const reason = `its transport took nothing for ${Duration.toSeconds(patience)} s`
          session.end({ name: "ClientUnresponsive", reason })
          return Effect.never // until the session has ended
        }
      }),
      Effect.tap(Metric.update(blocked, 1))
    )

  /** The client already has this value, without having been sent it. */
  const holds = (session: Session, mark: Mark): void => {
    session.holds(mark)
    if (mark.kind === "value") notes.held(session, mark)
  }

  /** Writes what is news to the client; false when the transport is full. `least`: see Due.ts. */
  const send = (session: Session, built: ValueUpdate, held: HeldEntry | undefined, least = 0n): boolean => {
    const { told, sink, unsure } = session
    const before = told.get(built.key)
    const update = built.revision < least ? { ...built, revision: least } : built // DV6
    if (update.strict && propagation.stale()) {
      unsure.add(update.key) // S6
      return true
    }
    if (before !== undefined && !isNews(before, update)) return true // S2
    const known = updates.mark(built)
    const mark = update === built ? known : { ...known, revision: least }
    if (before !== undefined && isSame(before, mark) && told.isDone(update.key)) {
      holds(session, mark) // DV7
      return true
    }
    if (before === undefined && held !== undefined && update.kind === "value" && held.digest === update.digest) {
      holds(session, mark)
      return true
    }
    if (update.stale) unsure.add(update.key)
    const had = before !== undefined || !lacks(session, held)
    session.sent(mark)
    const room = sink.write(update)
    notes.sent(session, mark, !had)
    return room
  }

  /** Notes that the key can't be sent, and says so to a client that understands it. False when the transport is full. */
  const explain = (session: Session, update: ProblemUpdate, { key, held }: Look): boolean => {
    notes.problem(session, key, update, update.message, !session.told.has(key) && lacks(session, held))
    return !session.subscription.control || session.sink.write(update)
  }

  return { send, explain, holds, drained }
}

/** All that the client said it holds is compared, and it has nothing of this key. */
const lacks = (session: Session, held: HeldEntry | undefined): boolean =>
  session.compared() && (held === undefined || held.digest === "")

/** DV7 */
const isSame = (before: Mark, now: Mark): boolean =>
  before.version === now.version &&
  before.digest === now.digest &&
  before.kind === now.kind &&
  sameEpoch(before, now) &&
  !before.stale &&
  !now.stale &&
  (now.digest !== "" || (now.rendered !== undefined && now.rendered <= before.revision))

/** S2: a later revision, or the same one confirmed after it was sent as stale. */
const isNews = (before: Mark, now: ValueUpdate): boolean =>
  !sameEpoch(before, now) || isNewer(now, before) || (samePosition(now, before) && before.stale && !now.stale)

/** S2: tells that a key which only the lost history knew is gone. */
export const goneWith = ({ epoch, revision }: Position, environment: string, key: string): ValueUpdate => ({
  kind: "deleted",
  environment,
  key,
  version: 0,
  revision,
  epoch,
  format: "string",
  content: "",
  digest: "",
  delta: undefined,
  traceparent: "",
  committedAt: 0,
  stale: false,
  strict: false
})

const blocked = counter("herald_sessions_blocked_total", "times a client's transport was full")
