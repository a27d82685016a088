/**
 * Decides when an update is sent. `push` sends at once, in the caller's turn, whatever needs no waiting: one change to a thousand idle
 * clients. Everything else (a value to read, a full transport, a first snapshot) becomes pending, and `live`, the loop of the session's
 * actor, sends it in slices.
 *
 *   DV1  What a client is due follows from what it holds: what it said it has and what it was sent. Its position counts for deletions only.
 *   DV5  A client that comes to values which nobody read yet has those of its next keys read together, once the first was read.
 *   DV2, DV7, DY1 and S6 in Sending.ts, DV3 and DV4 in Control.ts, DV6 in Due.ts
 */
import { Effect } from "effect"
import { coveredBy } from "../keys/Pattern.ts"
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

/** The pause before values that could not be read are tried again. */
const RETRY = "250 millis"
/** Failed reads before a pause: while the database is away, each is another query to it. */
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

  const pushAtOnce = (session: Session, key: string): void => {
    const idle = session.idle()
    const held = session.claims.get(key)
    const want = idle ? due(session, { key, held }) : undefined
    if (idle && want === undefined) return // the client has heard of a newer change of the key
    const update =
      want === undefined || want.gone ? undefined : updates.known(session.subscription.client, key, want.base)
    if (update === undefined) session.push(key)
    else if (!send(session, update, held, want?.least)) session.mailbox.wake(drained(session))
  }

  const push = (session: Session, key: string): void => {
    try {
      pushAtOnce(session, key)
    } catch (defect) {
      session.mailbox.wake(Effect.die(defect)) // S5: it ends this session only
    }
  }

  /** The session has its place: all its keys are compared with the view. */
  const begin = (session: Session, place: Place): void => session.begin(place, sweep({ updates, holds }, session))

  /** The view was replaced, or events were lost, of changes or of freshness: all keys are compared once more. */
  const reset = (session: Session): void => {
    if (session.stage.name === "live") session.stage.owes = true
    session.compare(sweep({ updates, holds }, session))
  }

  /** Once the view is confirmed, what was kept back or sent as stale is due again; then the client hears that it is confirmed. DV3 */
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

  /** DV5 */
  const readAhead = (session: Session, key: string): void => {
    const { client, patterns } = session.subscription
    if (key <= session.readTo || session.stage.name !== "comparing") return
    const pattern = patterns.find((one) => coveredBy([one], key))
    if (pattern !== undefined) session.readTo = updates.ahead?.(client.environment, pattern, key) ?? key
  }

  const positionOf = ({ at }: Due): Position => {
    const { epoch, revision } = propagation.position()
    return { epoch, revision: at ?? revision }
  }

  /** Builds and sends one update; false when its value can't be read now. Apart from `live`, which would keep the content alive. S8 */
  const deliver = Effect.fnUntraced(function* (
    session: Session,
    look: Look,
    want: Due,
    problems: Map<string, Position>
  ) {
    const { key, held } = look
    const { client } = session.subscription
    const isNew = !want.gone && updates.known(client, key, want.base) === undefined
    const building = want.gone
      ? Effect.succeed(goneWith(positionOf(want), client.environment, key))
      : updates.build(client, key, want.base)
    let built = yield* Effect.result(building)
    if (slices.over()) {
      yield* slices.turn // a thousand may have waited for the same value
      built = yield* Effect.result(building)
    }
    if (built._tag === "Failure") return false
    if (isNew) readAhead(session, key) // only now: while nothing can be read, nothing more is asked for
    const update = built.success
    if (update === undefined) return true
    if (update.kind !== "problem") {
      if (!send(session, update, held, want.least)) yield* drained(session)
      return true
    }
    const known = problems.get(key)
    if (known !== undefined && samePosition(known, update)) return true
    problems.set(key, { epoch: update.epoch, revision: update.revision })
    if (!explain(session, update, look)) yield* drained(session)
    return true
  })

  /** Nothing is left to send: the client hears so, once. False when the transport is full. */
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
      recover(session) // the view may have been confirmed since these were put aside
      if (!session.waits() && !settle(session)) yield* drained(session)
    }
  })

  return { push, begin, live, reset, freshness }
}
