/** The loop of one session: takes pending keys, builds their newest update, writes it when the transport can take it. */
import { Effect, Metric } from "effect"
import type { Propagation } from "../propagation/Propagation.ts"
import type { Position } from "../propagation/Revision.ts"
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
}

export const deliverTo = ({ updates, propagation, noteDelivery }: Parts) => {
  const drained = (session: Session) =>
    Effect.callback<void>((resume) => session.sink.drained(() => resume(Effect.void)))

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

  return Effect.fnUntraced(function* (session: Session): Effect.fn.Return<never> {
    const { subscription, sink, pending, sent } = session
    const { client } = subscription
    const problems = new Map<string, bigint>()
    const postponed = new Set<string>()
    while (true) {
      yield* session.woken
      for (const key of pending) {
        const before = sent.get(key)
        const target = updates.target(client.environment, key)
        const position = propagation.position()
        const lost = before !== undefined && before.update.epoch !== position.epoch // S2
        pending.delete(key) // before the build: what commits meanwhile is pending again
        if (target === undefined && !(lost && before.update.kind === "value")) continue
        if (
          target !== undefined &&
          !lost &&
          before !== undefined &&
          before.update.revision >= target &&
          !before.update.stale
        )
          continue
        const built = yield* Effect.result(
          target === undefined
            ? Effect.succeed(goneWith(position, client.environment, key))
            : updates.build(client, key, lost ? undefined : session.base(key))
        )
        if (built._tag === "Failure") {
          postponed.add(key)
          continue
        }
        const update = built.success
        if (update === undefined) continue
        if (update.kind === "problem") {
          if (problems.get(key) === update.revision) continue
          problems.set(key, update.revision)
          const stored = {
            ...noValue,
            key,
            revision: update.revision,
            environment: client.environment,
            epoch: update.epoch
          }
          noteDelivery(session, stored, "problem", update.message)
          if (subscription.control && !sink.write(update)) yield* drained(session)
          continue
        }
        if (update.strict && propagation.stale()) continue // S6: told again when the view is confirmed
        if (before !== undefined && !isNews(before.update, update)) continue // S2
        if (before === undefined && !session.synced && has(session, update)) {
          sent.set(key, { update, applied: true })
          if (update.kind === "value") noteDelivery(session, update, "applied", "")
          continue
        }
        sent.set(key, { update, applied: false })
        const room = sink.write(update)
        noteDelivery(session, update, "sent", "")
        if (!room) {
          yield* Metric.update(blocked, 1)
          yield* drained(session)
        }
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
