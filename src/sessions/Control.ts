/**
 * What a client is told of the whole: that it has all, whether the view is confirmed, that the server lives.
 *
 *   DV3  A client hears that the view is confirmed only after all that was kept back or sent as stale.
 *   DV4  A client whose keys are compared for long hears signs of life meanwhile, which claim no more than what it was told before.
 */
import { Effect } from "effect"
import { samePosition } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { ControlUpdate } from "../updates/Update.ts"
import type { Session } from "./Session.ts"

export const makeControl = (propagation: Pick<Propagation["Service"], "position" | "stale">) => {
  /** One object for all clients, as long as it says the same. */
  let last: ControlUpdate | undefined
  const saying = (kind: ControlUpdate["kind"], stale: boolean, position = propagation.position()) => {
    if (last?.kind !== kind || last.stale !== stale || !samePosition(last.position, position))
      last = { kind, position, stale }
    return last
  }
  const isUnsure = (session: Session) => propagation.stale() || session.unsure.size > 0 // DV3

  /** False when the transport is full. */
  const write = (session: Session, update: ControlUpdate): boolean => {
    if (session.stage.name === "live") session.stage.said = update
    return session.sink.write(update)
  }

  /** Outside of the actor: what breaks is its own. S5 */
  const writeAtOnce = (session: Session, update: ControlUpdate): void => {
    try {
      write(session, update)
    } catch (defect) {
      session.mailbox.wake(Effect.die(defect))
    }
  }

  /** Within the actor. False when the transport is full. */
  const say = (session: Session, kind: ControlUpdate["kind"]): boolean =>
    !session.subscription.control || write(session, saying(kind, isUnsure(session)))

  /** The view became stale, or was confirmed again. One that is not live hears it at the end of its comparing. */
  const freshness = (session: Session, stale: boolean): void => {
    const { stage, subscription } = session
    if (stage.name !== "live" || !subscription.control) return
    if (session.idle()) writeAtOnce(session, saying("heartbeat", stale))
    else {
      stage.owes = true
      session.mailbox.wake()
    }
  }

  /** Proof of life; what waits for the client is one, too. */
  const beat = (session: Session): void => {
    const { stage } = session
    if (stage.name !== "live" || stage.said === undefined) return
    if (!session.waits()) writeAtOnce(session, saying("heartbeat", isUnsure(session)))
    else if (session.pending.size === 0)
      writeAtOnce(session, saying("heartbeat", stage.said.stale || isUnsure(session), stage.said.position)) // DV4
  }

  /** Tells it to leave, and when to come back. What breaks here is its own, too. */
  const dismiss = (session: Session, reconnectAfterMillis: number): void => {
    if (!session.subscription.control) return
    try {
      session.sink.write({ kind: "drain", reconnectAfterMillis })
    } catch (defect) {
      session.mailbox.wake(Effect.die(defect))
    }
  }

  return { say, freshness, beat, dismiss }
}
