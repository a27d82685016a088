/**
 * Tells clients how things stand: that they have everything, whether the view is confirmed, that the server is alive.
 *
 *   DV3  A client hears that the view is confirmed only after all that was kept back or sent as stale.
 *   DV4  While comparing a client's keys takes long it still gets heartbeats, which claim no more than what it was told before.
 */
import { Effect } from "effect"
import { samePosition } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { ControlUpdate } from "../updates/Update.ts"
import type { Session } from "./Session.ts"

export const makeControl = (propagation: Pick<Propagation["Service"], "position" | "stale">) => {
  /** All clients share one object as long as it says the same. */
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

  /** For use outside of the actor: a defect ends this session only. S5 */
  const writeAtOnce = (session: Session, update: ControlUpdate): void => {
    try {
      write(session, update)
    } catch (defect) {
      session.mailbox.wake(Effect.die(defect))
    }
  }

  /** For use within the actor. False when the transport is full. */
  const say = (session: Session, kind: ControlUpdate["kind"]): boolean =>
    !session.subscription.control || write(session, saying(kind, isUnsure(session)))

  /** The view became stale, or was confirmed again. A session that is not live hears so once its keys are compared. */
  const freshness = (session: Session, stale: boolean): void => {
    const { stage, subscription } = session
    if (stage.name !== "live" || !subscription.control) return
    if (session.idle()) writeAtOnce(session, saying("heartbeat", stale))
    else {
      stage.owes = true
      session.mailbox.wake()
    }
  }

  /** A heartbeat; none when an update waits for the client, which proves life as well. */
  const ping = (session: Session): void => {
    const { stage } = session
    if (stage.name !== "live" || stage.said === undefined) return
    if (!session.waits()) writeAtOnce(session, saying("heartbeat", isUnsure(session)))
    else if (session.pending.size === 0)
      writeAtOnce(session, saying("heartbeat", stage.said.stale || isUnsure(session), stage.said.position)) // DV4
  }

  /** Tells the client to leave, and when to come back. S5 */
  const dismiss = (session: Session, reconnectAfterMillis: number): void => {
    if (!session.subscription.control) return
    try {
      session.sink.write({ kind: "drain", reconnectAfterMillis })
    } catch (defect) {
      session.mailbox.wake(Effect.die(defect))
    }
  }

  return { say, freshness, ping, dismiss }
}
