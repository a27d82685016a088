/**
 * When updates reach a client. `push` sends what needs no waiting at once, within the caller: that is one change for a thousand idle
 * clients. Everything else (a value to read, a full transport, a first snapshot) is pending, and `live`, the loop of the session's actor,
 * takes it from there, in slices.
 *
 *   DV1  What a client is due is decided by what it holds: what it said and what it was sent. A position speaks for deletions only.
 *   DV2, DY1 and S6 in Sending.ts, DV3 and DV4 in Control.ts
 */
import { Effect } from "effect"
import { type Position, samePosition } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { Slices } from "../work/Slices.ts"
import type { makeControl } from "./Control.ts"
import { type Due, makeDue } from "./Due.ts"
import { goneWith, type makeSending } from "./Sending.ts"
import type { Session } from "./Session.ts"
import type { Look, Place } from "./Stage.ts"
import { sweep } from "./Sweep.ts"

/** How long keys whose values can't be read now wait before the next try. */
const RETRY = "250 millis"
/** Values that can't be read are tried so many at once: while the database is away each of them is a question to it. */
const TRIES = 32

interface Parts {
  readonly updates: UpdateSourceShape
  readonly propagation: Propagation["Service"]
  readonly slices: Slices
  readonly sending: ReturnType<typeof makeSending>
  readonly control: ReturnType<typeof makeControl>
}

export const makeDelivery = (parts: Parts) => {
  const { updates, propagation, slices, control } = parts
  const { send, explain, holds, drained } = parts.sending
  const due = makeDue(parts)

  const push = (session: Session, key: string): void => {
    const idle = session.idle()
    const held = session.claims.get(key)
    const want = idle ? due(session, { key, held }) : undefined
    if (idle && want === undefined) return // a newer change of the key was told before this one
    const update =
      want === undefined || want.gone
        ? undefined
        : updates.known(session.subscription.client.environment, key, want.base)
    if (update === undefined) session.push(key)
    else
      try {
        if (!send(session, update, held)) session.mailbox.wake(drained(session))
      } catch (defect) {
        session.mailbox.wake(Effect.die(defect)) // S5: it is the session's own
      }
  }

  /** It has its place: everything is compared with the view. */
  const begin = (session: Session, place: Place): void => session.begin(place, sweep({ updates, holds }, session))

  /** The view was replaced, or news were lost: of it, and of whether it is confirmed. */
  const reset = (session: Session): void => {
    if (session.stage.name === "live") session.stage.owes = true
    session.compare(sweep({ updates, holds }, session))
  }

  /** What was kept back or sent as stale is due again, once the view is confirmed; then the client hears that it is. DV3 */
  const recover = (session: Session): void => {
    const { stage, unsure, pending } = session
    if (unsure.size === 0 || propagation.stale()) return
    for (const key of unsure) pending.add(key)
    unsure.clear()
    if (stage.name === "live") stage.owes = true
    session.mailbox.wake()
  }

  /** The view became stale, or was confirmed again. */
  const freshness = (session: Session, stale: boolean): void => {
    if (!stale && session.unsure.size > 0) recover(session)
    else control.freshness(session, stale)
  }

  /** Builds and sends one update; false when its value can't be read now. Apart from `live`, which would hold on to its content. S8 */
  const deliver = Effect.fnUntraced(function* (
    session: Session,
    look: Look,
    want: Due,
    problems: Map<string, Position>
  ) {
    const { key, held } = look
    const { client } = session.subscription
    const building = want.gone
      ? Effect.succeed(goneWith(propagation.position(), client.environment, key))
      : updates.build(client, key, want.base)
    let built = yield* Effect.result(building)
    if (slices.over()) {
      yield* slices.turn // a thousand may have waited for the same value
      built = yield* Effect.result(building)
    }
    if (built._tag === "Failure") return false
    const update = built.success
    if (update === undefined) return true
    if (update.kind !== "problem") {
      if (!send(session, update, held)) yield* drained(session)
      return true
    }
    const known = problems.get(key)
    if (known !== undefined && samePosition(known, update)) return true
    problems.set(key, { epoch: update.epoch, revision: update.revision })
    if (!explain(session, update, look)) yield* drained(session)
    return true
  })

  /** Nothing waits for the client: it hears so, once. */
  const settle = (session: Session): boolean => {
    const { stage } = session
    if (stage.name === "comparing") {
      session.settle()
      return control.say(session, "synced")
    }
    if (stage.name !== "live" || !stage.owes) return true
    stage.owes = false
    return control.say(session, "heartbeat")
  }

  const live = Effect.fnUntraced(function* (session: Session): Effect.fn.Return<never> {
    const problems = new Map<string, Position>()
    const postponed = new Set<string>()
    let failed = 0
    while (true) {
      yield* session.mailbox.news
      for (let look = session.next(); look !== undefined; look = session.next()) {
        if (slices.over()) yield* slices.turn
        if (look === "step") continue
        const want = due(session, look)
        if (want === undefined) session.claims.delete(look.key)
        if (want === undefined || (yield* deliver(session, look, want, problems))) continue
        postponed.add(look.key)
        if (++failed % TRIES === 0) yield* Effect.sleep(RETRY)
      }
      if (postponed.size > 0) {
        yield* Effect.sleep(RETRY)
        for (const key of postponed) session.pending.add(key)
        postponed.clear()
        session.mailbox.wake()
        continue
      }
      recover(session) // the view was confirmed before anyone looked
      if (!session.waits() && !settle(session)) yield* drained(session)
    }
  })

  return { push, begin, live, reset, freshness }
}
