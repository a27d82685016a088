/**
 * How updates reach a client. `push` sends what needs no waiting at once, within the caller: that is one change for a thousand idle
 * clients. Everything else (a value to read, a full transport, a first snapshot) is pending, and `live`, the loop of the session's actor,
 * takes it from there.
 *
 *   DY1  A client that reads nothing for as long as it may be silent ends, whatever it says meanwhile.
 */
import { Deferred, Duration, Effect, Metric } from "effect"
import type { Position } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { Ending } from "./Ending.ts"
import type { DeliveryState } from "./InstanceStore.ts"
import type { Session } from "./Session.ts"
import type { ValueUpdate } from "./Update.ts"
import type { Updates } from "./Updates.ts"

/** How long a key whose value can't be read now waits before the next try. */
const RETRY = "250 millis"

interface Parts {
  readonly updates: Updates["Service"]
  readonly propagation: Propagation["Service"]
  readonly noteDelivery: (session: Session, update: ValueUpdate, state: DeliveryState, reason: string) => void
  /** How long a transport may stay full. */
  readonly patience: Duration.Input
}

export const makeDelivery = ({ updates, propagation, noteDelivery, patience }: Parts) => {
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

  /** What the client says it has need not be sent again. */
  const has = (session: Session, update: ValueUpdate): boolean => {
    const { held, position, serviceVersion, client } = session.subscription
    const digest = held.get(update.key)
    if (update.kind === "deleted") {
      const known = digest !== undefined && digest !== ""
      return (
        !known &&
        !(
          position !== undefined &&
          position.epoch === update.epoch &&
          position.revision > 0n &&
          position.revision < update.revision
        )
      )
    }
    if (digest !== undefined) return digest === update.digest
    if (serviceVersion > 0 && update.key === client.service) return update.version <= serviceVersion
    return position !== undefined && position.epoch === update.epoch && update.revision <= position.revision
  }

  /** What would bring the client up to date on a key; undefined when it is. `gone`: only a lost history knew the key. */
  const due = (session: Session, key: string) => {
    const before = session.sent.get(key)
    const target = updates.target(session.subscription.client.environment, key)
    const lost = before !== undefined && before.update.epoch !== propagation.position().epoch // S2
    const gone = target === undefined
    if (gone && !(lost && before.update.kind === "value")) return undefined
    if (!gone && !lost && before !== undefined && before.update.revision >= target && !before.update.stale)
      return undefined
    return { gone, held: lost ? undefined : session.base(key) }
  }

  /** Writes what is news to the client; false when the transport is full. */
  const send = (session: Session, update: ValueUpdate): boolean => {
    const { sent, sink } = session
    const before = sent.get(update.key)
    if (update.strict && propagation.stale()) return true // S6: told again when the view is confirmed
    if (before !== undefined && !isNews(before.update, update)) return true // S2
    if (before === undefined && !session.synced && has(session, update)) {
      session.told(update, true)
      if (update.kind === "value") noteDelivery(session, update, "applied", "")
      return true
    }
    session.told(update, false)
    const room = sink.write(update)
    noteDelivery(session, update, "sent", "")
    return room
  }

  const push = (session: Session, key: string): void => {
    const want = session.idle() ? due(session, key) : undefined
    const update =
      want === undefined || want.gone
        ? undefined
        : updates.known(session.subscription.client.environment, key, want.held)
    if (update === undefined) session.push(key)
    else
      try {
        if (!send(session, update)) session.wake(drained(session))
      } catch (defect) {
        session.wake(Effect.die(defect)) // S5: it is the session's own
      }
  }

  const live = Effect.fnUntraced(function* (session: Session): Effect.fn.Return<never> {
    const { subscription, sink, pending } = session
    const { client } = subscription
    const problems = new Map<string, bigint>()
    const postponed = new Set<string>()
    while (true) {
      yield* session.woken
      for (const key of pending) {
        pending.delete(key) // before the build: what commits meanwhile is pending again
        const want = due(session, key)
        if (want === undefined) continue
        const built = yield* Effect.result(
          want.gone
            ? Effect.succeed(goneWith(propagation.position(), client.environment, key))
            : updates.build(client, key, want.held)
        )
        if (built._tag === "Failure") {
          postponed.add(key)
          continue
        }
        const update = built.success
        if (update === undefined) continue
        if (update.kind !== "problem") {
          if (!send(session, update)) yield* drained(session)
          continue
        }
        if (problems.get(key) === update.revision) continue
        problems.set(key, update.revision)
        const { revision, epoch, environment, message } = update
        noteDelivery(session, { ...noValue, key, revision, environment, epoch }, "problem", message)
        if (subscription.control && !sink.write(update)) yield* drained(session)
      }
      if (postponed.size > 0) {
        yield* Effect.sleep(RETRY)
        for (const key of postponed) session.push(key)
        postponed.clear()
        continue
      }
      if (!session.synced) {
        session.synced = true
        if (subscription.control && !sink.write({ kind: "synced", position: propagation.position() }))
          yield* drained(session)
      }
    }
  })

  return { push, live }
}

/** S2: a later revision, or the same one confirmed after it was sent as stale. */
const isNews = (before: ValueUpdate, now: ValueUpdate): boolean =>
  before.epoch !== now.epoch ||
  now.revision > before.revision ||
  (now.revision === before.revision && before.stale && !now.stale)

/** S2: a key that only the lost history knew. */
const goneWith = ({ epoch, revision }: Position, environment: string, key: string): ValueUpdate => ({
  ...noValue,
  kind: "deleted",
  environment,
  key,
  epoch,
  revision
})

const noValue: ValueUpdate = {
  kind: "value",
  environment: "",
  key: "",
  version: 0,
  revision: 0n,
  epoch: "",
  format: "string",
  content: "",
  digest: "",
  delta: undefined,
  traceparent: "",
  committedAt: 0,
  stale: false,
  strict: false
}

const blocked = Metric.counter("herald_sessions_blocked_total", {
  incremental: true,
  description: "times a client's transport was full"
})
