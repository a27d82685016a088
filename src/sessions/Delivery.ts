/**
 * How updates reach a client. `push` sends what needs no waiting at once, within the caller: that is one change for a thousand idle
 * clients. Everything else (a value to read, a full transport, a first snapshot) is pending, and `live`, the loop of the session's actor,
 * takes it from there, in slices.
 *
 *   DV1  What a client is due is decided by what it holds: what it said and what it was sent. A position speaks for deletions only.
 *   DV2  Nothing is noted as sent that was not written, nor as held that the client did not say it holds.
 *   DY1  A client that reads nothing for as long as it may be silent ends, whatever it says meanwhile.
 *   DV3  A client hears that the view is confirmed only after all that was kept back or sent as stale.
 *   DV4  A client whose keys are compared for long hears signs of life meanwhile, which claim no more than what it was told before.
 */
import { Deferred, Duration, Effect, Metric } from "effect"
import { isNewer, type Position, sameEpoch, samePosition } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { ControlUpdate, Mark, ValueUpdate } from "../updates/Update.ts"
import type { UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { Slices } from "../work/Slices.ts"
import { type Due, makeDue } from "./Due.ts"
import type { Ending } from "./Ending.ts"
import type { HeldEntry } from "./Held.ts"
import type { Look, Session } from "./Session.ts"
import { sweep } from "./Sweep.ts"

/** How long keys whose values can't be read now wait before the next try. */
const RETRY = "250 millis"
/** Values that can't be read are tried so many at once: while the database is away each of them is a question to it. */
const TRIES = 32

interface Parts {
  readonly updates: UpdateSourceShape
  readonly propagation: Propagation["Service"]
  readonly slices: Slices
  /** How long a transport may stay full. */
  readonly patience: Duration.Input
  /** `lacks`: the client holds nothing of the key. */
  readonly noteSent: (session: Session, mark: Mark, lacks: boolean) => void
  readonly noteHeld: (session: Session, mark: Mark) => void
  readonly noteProblem: (session: Session, key: string, at: Position, reason: string, lacks: boolean) => void
}

export const makeDelivery = (parts: Parts) => {
  const { updates, propagation, slices, patience, noteSent, noteHeld, noteProblem } = parts
  const due = makeDue(parts)

  /** DY1 */
  const drained = (session: Session) =>
    Effect.callback<void>((resume) => session.sink.drained(() => resume(Effect.void))).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => {
          const reason = `its transport took nothing for ${Duration.toSeconds(patience)} s`
          Deferred.doneUnsafe(session.ended, Effect.succeed({ name: "ClientUnresponsive", reason } satisfies Ending))
          return Effect.never // until the session has ended
        }
      }),
      Effect.tap(Metric.update(blocked, 1))
    )

  const holds = (session: Session, mark: Mark): void => {
    session.holds(mark)
    if (mark.kind === "value") noteHeld(session, mark)
  }

  /** One object for all clients, as long as it says the same. */
  let control: ControlUpdate | undefined
  const controlOf = (kind: ControlUpdate["kind"], stale: boolean, position = propagation.position()) => {
    if (control?.kind !== kind || control.stale !== stale || !samePosition(control.position, position))
      control = { kind, position, stale }
    return control
  }
  const isUnsure = (session: Session) => propagation.stale() || session.unsure.size > 0 // DV3

  /** Writes what is news to the client; false when the transport is full. */
  const send = (session: Session, update: ValueUpdate, held: HeldEntry | undefined): boolean => {
    const { told, sink, unsure } = session
    const before = told.get(update.key)
    if (update.strict && propagation.stale()) {
      unsure.add(update.key) // S6
      return true
    }
    if (before !== undefined && !isNews(before, update)) return true // S2
    const mark = updates.mark(update)
    if (before === undefined && held !== undefined && update.kind === "value" && held.digest === update.digest) {
      holds(session, mark)
      return true
    }
    if (update.stale) unsure.add(update.key)
    session.sent(mark)
    const room = sink.write(update)
    noteSent(session, mark, before === undefined && lacks(session, held))
    return room
  }

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
        if (!send(session, update, held)) session.wake(drained(session))
      } catch (defect) {
        session.wake(Effect.die(defect)) // S5: it is the session's own
      }
  }

  /** Everything is compared with the view (again). */
  const sweepAll = (session: Session): void => {
    session.work = sweep({ updates, holds }, session)
    session.wake()
  }

  /** The view was replaced, or news were lost: of it, and of whether it is confirmed. */
  const reset = (session: Session): void => {
    session.owes = session.synced
    sweepAll(session)
  }

  /** False when the transport is full. */
  const say = (session: Session, update: ControlUpdate): boolean => {
    session.said = update
    return session.sink.write(update)
  }

  /** Outside of the actor: what breaks is its own. S5 */
  const sayAtOnce = (session: Session, update: ControlUpdate): void => {
    try {
      say(session, update)
    } catch (defect) {
      session.wake(Effect.die(defect))
    }
  }

  /** The view became stale, or was confirmed again. */
  const freshness = (session: Session, stale: boolean): void => {
    if (!stale && session.unsure.size > 0) recover(session)
    else if (!session.synced || !session.subscription.control)
      return // what it is told at the end says it
    else if (session.idle()) sayAtOnce(session, controlOf("heartbeat", stale))
    else {
      session.owes = true
      session.wake()
    }
  }

  /** What was kept back or sent as stale is due again, once the view is confirmed; then the client hears that it is. DV3 */
  const recover = (session: Session): void => {
    if (session.unsure.size === 0 || propagation.stale()) return
    for (const key of session.unsure) session.pending.add(key)
    session.unsure.clear()
    session.owes = true
    session.wake()
  }

  /** Proof of life; what waits for the client is one, too. */
  const beat = (session: Session): void => {
    const { subscription, said } = session
    if (!subscription.control || said === undefined) return
    if (!session.waits()) sayAtOnce(session, controlOf("heartbeat", isUnsure(session)))
    else if (session.pending.size === 0)
      sayAtOnce(session, controlOf("heartbeat", said.stale || isUnsure(session), said.position)) // DV4
  }

  /** Builds and sends one update; false when its value can't be read now. Apart from `live`, which would hold on to its content. S8 */
  const deliver = Effect.fnUntraced(function* (
    session: Session,
    { key, held }: Look,
    want: Due,
    problems: Map<string, Position>
  ) {
    const { client, control: understands } = session.subscription
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
    noteProblem(session, key, update, update.message, !session.told.has(key) && lacks(session, held))
    if (understands && !session.sink.write(update)) yield* drained(session)
    return true
  })

  const live = Effect.fnUntraced(function* (session: Session): Effect.fn.Return<never> {
    const { subscription } = session
    const problems = new Map<string, Position>()
    const postponed = new Set<string>()
    let failed = 0
    while (true) {
      yield* session.woken
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
        session.wake()
        continue
      }
      recover(session) // the view was confirmed before anyone looked
      if (session.waits()) continue
      if (!session.synced) {
        session.synced = true
        subscription.held.drop()
        if (subscription.control && !say(session, controlOf("synced", isUnsure(session)))) yield* drained(session)
      } else if (session.owes) {
        session.owes = false
        if (subscription.control && !say(session, controlOf("heartbeat", isUnsure(session)))) yield* drained(session)
      }
    }
  })

  return { push, live, sweepAll, reset, freshness, beat }
}

/** What the client said of the key was compared, and it is nothing. */
const lacks = (session: Session, held: HeldEntry | undefined): boolean =>
  session.subscription.held.size === 0 && (held === undefined || held.digest === "")

/** S2: a later revision, or the same one confirmed after it was sent as stale. */
const isNews = (before: Mark, now: ValueUpdate): boolean =>
  !sameEpoch(before, now) || isNewer(now, before) || (samePosition(now, before) && before.stale && !now.stale)

/** S2: a key that only the lost history knew. */
const goneWith = ({ epoch, revision }: Position, environment: string, key: string): ValueUpdate => ({
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

const blocked = Metric.counter("herald_sessions_blocked_total", {
  incremental: true,
  description: "times a client's transport was full"
})
