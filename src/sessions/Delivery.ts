/**
 * How updates reach a client. `push` sends what needs no waiting at once, within the caller: that is one change for a thousand idle
 * clients. Everything else (a value to read, a full transport, a first snapshot) is pending, and `live`, the loop of the session's actor,
 * takes it from there, in slices.
 *
 *   DV1  What a client is due is decided by what it holds: what it said and what it was sent. A position speaks for deletions only.
 *   DV2  Nothing is noted as sent that was not written, nor as held that the client did not say it holds.
 *   DY1  A client that reads nothing for as long as it may be silent ends, whatever it says meanwhile.
 *   DV3  A client hears that the view is confirmed only after all that was kept back or sent as stale.
 */
import { Deferred, Duration, Effect, Metric } from "effect"
import type { Head } from "../configuration/Configuration.ts"
import { covers, isNewer, type Position, sameEpoch, samePosition } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { Ending } from "./Ending.ts"
import type { HeldEntry } from "./Held.ts"
import type { Look, Session } from "./Session.ts"
import type { Slices } from "./Slices.ts"
import { sweep } from "./Sweep.ts"
import type { Mark, Update, ValueUpdate } from "./Update.ts"
import type { Updates } from "./Updates.ts"

/** How long keys whose values can't be read now wait before the next try. */
const RETRY = "250 millis"
/** Values that can't be read are tried so many at once: while the database is away each of them is a question to it. */
const TRIES = 32

interface Parts {
  readonly updates: Updates["Service"]
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
  let control: Extract<Update, { readonly kind: "synced" | "heartbeat" }> | undefined
  const controlOf = (kind: "synced" | "heartbeat", stale: boolean) => {
    const position = propagation.position()
    if (control?.kind !== kind || control.stale !== stale || !samePosition(control.position, position))
      control = { kind, position, stale }
    return control
  }
  const isUnsure = (session: Session) => propagation.stale() || session.unsure.size > 0 // DV3

  /** The client never had the key, or was told that it is gone. DV1 */
  const knowsGone = ({ subscription: { position } }: Session, head: Head, held: HeldEntry | undefined): boolean => {
    if (held !== undefined) return held.digest === ""
    if (position === undefined || position.revision === 0n) return true // it is new
    return covers(position, { epoch: propagation.position().epoch, revision: head.revision })
  }

  /** What the client holds is of a commit that this node does not know yet. */
  const isAhead = ({ subscription }: Session, held: HeldEntry | undefined, revision: bigint): boolean => {
    const { epoch } = propagation.position()
    return held !== undefined && subscription.position?.epoch === epoch && held.revision > revision
  }

  /**
   * What would bring the client up to date on a key; undefined when it is. `gone`: only a lost history, or one that is behind the
   * horizon, knew the key.
   */
  const due = (session: Session, { key, held }: Look) => {
    const { environment } = session.subscription.client
    const before = session.told.get(key)
    const head = propagation.head(environment, key)
    const now = propagation.position()
    if (before === undefined) {
      if (head === undefined) {
        const gone = held !== undefined && held.digest !== "" && !isAhead(session, held, now.revision)
        return gone ? { gone: true, base: "" } : undefined
      }
      if (head.deleted && !session.synced && knowsGone(session, head, held)) {
        session.holds(updates.markOf(head))
        return undefined
      }
      if (held !== undefined && isAhead(session, held, updates.target(environment, key) ?? head.revision)) {
        // This node will come to that revision, too; until then it has nothing newer.
        session.holds({ ...updates.markOf(head), revision: held.revision - 1n, digest: "" })
        return undefined
      }
      return { gone: false, base: "" }
    }
    const lost = !sameEpoch(before, now) // S2
    if (head === undefined) return before.kind === "value" ? { gone: true, base: "" } : undefined // P8
    const target = updates.target(environment, key) ?? head.revision
    if (!lost && before.revision >= target && !before.stale) return undefined
    return { gone: false, base: lost ? "" : session.base(key) }
  }

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
    const want = session.idle() ? due(session, { key, held: undefined }) : undefined
    const update =
      want === undefined || want.gone
        ? undefined
        : updates.known(session.subscription.client.environment, key, want.base)
    if (update === undefined) session.push(key)
    else
      try {
        if (!send(session, update, undefined)) session.wake(drained(session))
      } catch (defect) {
        session.wake(Effect.die(defect)) // S5: it is the session's own
      }
  }

  /** Everything is compared with the view (again). */
  const sweepAll = (session: Session): void => {
    session.work = sweep({ propagation, updates, holds }, session)
    session.wake()
  }

  /** Writes outside of the actor: what breaks is its own. S5 */
  const write = (session: Session, update: Update): void => {
    try {
      session.sink.write(update)
    } catch (defect) {
      session.wake(Effect.die(defect))
    }
  }

  /** The view became stale, or was confirmed again. */
  const freshness = (session: Session, stale: boolean): void => {
    if (!stale && session.unsure.size > 0) recover(session)
    else if (!session.synced || !session.subscription.control)
      return // what it is told at the end says it
    else if (session.idle()) write(session, controlOf("heartbeat", stale))
    else {
      session.owes = true
      session.wake()
    }
  }

  /** What was kept back or sent as stale is due again, once the view is confirmed; then the client hears that it is. DV3 */
  const recover = (session: Session): void => {
    if (session.unsure.size === 0 || propagation.stale()) return
    for (const key of session.unsure) if (!session.pending.has(key)) session.pending.set(key, undefined)
    session.unsure.clear()
    session.owes = true
    session.wake()
  }

  /** Proof of life; what waits for the client is one, too. */
  const beat = (session: Session): void => {
    if (session.subscription.control && session.synced && !session.waits())
      write(session, controlOf("heartbeat", isUnsure(session)))
  }

  /** Builds and sends one update; false when its value can't be read now. Apart from `live`, which would hold on to its content. S8 */
  const deliver = Effect.fnUntraced(function* (
    session: Session,
    { key, held }: Look,
    want: NonNullable<ReturnType<typeof due>>,
    problems: Map<string, Position>
  ) {
    const { client, control: understands } = session.subscription
    const built = yield* Effect.result(
      want.gone
        ? Effect.succeed(goneWith(propagation.position(), client.environment, key))
        : updates.build(client, key, want.base)
    )
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
    const { subscription, sink } = session
    const problems = new Map<string, Position>()
    const postponed = new Map<string, HeldEntry | undefined>()
    let failed = 0
    while (true) {
      yield* session.woken
      for (let look = session.next(); look !== undefined; look = session.next()) {
        if (slices.over()) yield* slices.turn
        if (look === "step") continue
        const want = due(session, look)
        if (want === undefined || (yield* deliver(session, look, want, problems))) continue
        postponed.set(look.key, look.held)
        if (++failed % TRIES === 0) yield* Effect.sleep(RETRY)
      }
      if (postponed.size > 0) {
        yield* Effect.sleep(RETRY)
        for (const [key, held] of postponed) if (!session.pending.has(key)) session.pending.set(key, held)
        postponed.clear()
        session.wake()
        continue
      }
      recover(session) // the view was confirmed before anyone looked
      if (session.waits()) continue
      if (!session.synced) {
        session.synced = true
        subscription.held.drop()
        if (subscription.control && !sink.write(controlOf("synced", isUnsure(session)))) yield* drained(session)
      } else if (session.owes) {
        session.owes = false
        if (subscription.control && !sink.write(controlOf("heartbeat", isUnsure(session)))) yield* drained(session)
      }
    }
  })

  return { push, live, sweepAll, freshness, recover, beat }
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
