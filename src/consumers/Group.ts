/**
 * Runs a consumer group, whatever its effect: reads messages, hands events to the effect, and puts what can never be handled among the dead
 * letters. The effect knows by their ids which events it has handled before.
 *
 *   GR1  An event counts as handled only after its effect, or once it is among the dead letters; until then it comes again.
 *   GR2  What can never be handled is buried with its reason and holds up nothing behind it; what can't be handled now is never skipped.
 *   GR3  An outage is logged once when it begins and once when it is over, not for every try.
 *   GR6  What is not genuine has no effect, and does not keep a genuine event of the same id from having its own.
 *   GR4  A dead letter that was put back into the topic concerns only the group that buried it.
 */
import { Clock, Effect, Metric, Result } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import { type ClientEvent, clientTypes, distributedType, isUpdate } from "../outbox/Event.ts"
import { makeGenuine } from "../outbox/Sealed.ts"
import { notice } from "../telemetry/Degraded.ts"
import { counter, histogram } from "../telemetry/Metrics.ts"
import { contextsOf, type Message, nameOf, optionsOf, within } from "../telemetry/Traces.ts"
import { type DeadLetter, DeadLetters } from "./DeadLetters.ts"
import { EventGroups } from "./EventGroups.ts"
import { makeLagging } from "./Lagging.ts"
import { type Arrived, type Received, read } from "./Received.ts"

export interface GroupOptions {
  readonly group: string
  /** Events in one call of the effect, at most. */
  readonly size: number
  /** Changes of any kind, or these of clients. Messages whose `ce_type` names another type of Herald's events are skipped unread. */
  readonly types: "changes" | ReadonlyArray<ClientEvent["type"]>
  readonly wanted: (arrived: Arrived) => boolean
  /**
   * Handles all or none, and no event twice. Fails `Unkeepable` when it will never take one of them; any other failure means that it can't
   * now.
   */
  readonly effect: (events: ReadonlyArray<Arrived>) => Effect.Effect<void, HeraldError | Unkeepable>
}

/** Why an event may be given up: the reasons of `Received.ts`, and two of its own. */
const REASONS = ["too_large", "unreadable", "unknown_type", "wrong_shape", "forged", "refused"]

/** Runs until it is interrupted. */
export const runGroup = Effect.fnUntraced(function* (options: GroupOptions) {
  const { group, size, wanted, effect } = options
  const groups = yield* EventGroups
  const dead = yield* DeadLetters
  const clock = yield* Clock.Clock
  const genuine = yield* makeGenuine
  const lagging = yield* makeLagging(group)
  const waiting = new Set<number>()
  const goes = yield* notice("events", {
    source: `group ${group}`,
    began: "a consumer group waits",
    ended: "a consumer group goes on",
    fields: { group }
  })
  yield* Metric.update(Metric.withAttributes(consumed, { group }), 0) // MT1
  for (const reason of REASONS) yield* Metric.update(Metric.withAttributes(deadLetters, { group, reason }), 0)
  const { types } = options
  const others = new Set<string>([
    distributedType,
    ...clientTypes.filter((type) => types === "changes" || !types.includes(type))
  ])
  const isOther = (type: string) => others.has(type) || (types !== "changes" && isUpdate(type))

  const bury = (letters: ReadonlyArray<Omit<DeadLetter, "group" | "target">>) =>
    letters.length === 0
      ? Effect.void
      : dead
          .put(letters.map((letter) => ({ ...letter, group, target: "" })))
          .pipe(
            Effect.andThen(
              Effect.forEach(
                letters,
                ({ reason, why, received: { partition, offset } }) =>
                  Effect.andThen(
                    Metric.update(Metric.withAttributes(deadLetters, { group, reason }), 1),
                    Effect.logWarning("an event is among the dead letters", { group, reason, why, partition, offset })
                  ),
                { discard: true }
              )
            )
          )

  const apart = (events: ReadonlyArray<Arrived>): Effect.Effect<void, HeraldError> =>
    effect(events).pipe(
      Effect.catchTag("Unkeepable", ({ message }) => {
        const [only, ...others] = events
        return others.length === 0
          ? bury([{ received: only!.received, reason: "refused", why: message }])
          : Effect.forEach(events, (one) => apart([one]), { discard: true }) // GR2
      })
    )

  const traced = (partition: number, events: ReadonlyArray<Arrived>) => {
    const message: Message = {
      system: "kafka",
      destination: groups.topic,
      operation: "process",
      attributes: {
        "messaging.batch.message_count": events.length,
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": String(partition)
      }
    }
    return Effect.withSpan(apart(events), nameOf(message), optionsOf(message)).pipe(
      within(contextsOf(events.map(({ traceparent }) => traceparent)))
    )
  }

  const handle = Effect.fnUntraced(function* (partition: number, batch: ReadonlyArray<Received>) {
    const events: Array<Arrived> = []
    const unfit: Array<Omit<DeadLetter, "group" | "target">> = []
    for (const received of batch) {
      if (isOther(received.headers["ce_type"] ?? "")) continue
      const result = read(received)
      if (Result.isFailure(result)) unfit.push({ received, ...result.failure })
      else {
        const { replayed } = result.success
        if ((replayed === undefined || replayed.group === group) && wanted(result.success)) events.push(result.success) // GR4
      }
    }
    const checked = yield* Effect.forEach(events, genuine, { concurrency: "unbounded" }) // GR6: together, so that one look at the keys is enough
    const own = events.filter((_, i) => checked[i])
    for (const [i, { received }] of events.entries())
      if (!checked[i]) unfit.push({ received, reason: "forged", why: "no node of this database wrote it" })
    if (own.length > 0) yield* traced(partition, own)
    yield* bury(unfit)
  })

  const failed = (partition: number, { code, message }: HeraldError) =>
    Effect.suspend(() => {
      waiting.add(partition)
      const said = { group, partition, code, reason: message }
      return Effect.andThen(goes.fails(message), Effect.logDebug("a consumer group still waits", said)) // GR3
    })

  const succeeded = (partition: number) =>
    Effect.suspend(() => (waiting.delete(partition) && waiting.size === 0 ? goes.works : Effect.void))

  const take = Effect.fnUntraced(function* (batch: ReadonlyArray<Received>) {
    const { partition, at } = batch[0]!
    lagging.holding(partition, at)
    yield* handle(partition, batch).pipe(Effect.tapError((error) => failed(partition, error)))
    lagging.done(partition)
    yield* succeeded(partition)
    yield* Metric.update(Metric.withAttributes(consumed, { group }), batch.length)
    const since = Math.max(0, clock.currentTimeMillisUnsafe() - at)
    yield* Metric.update(Metric.withAttributes(seconds, { group }), since / 1_000)
  })

  return yield* Effect.raceFirst(groups.consume({ group, size, take }), lagging.measure)
})

const consumed = counter("herald_consumer_events_total", "messages of the topic that a group has behind it", [])
const seconds = histogram(
  "herald_consumer_seconds",
  "from publishing a message to the end of its effect",
  [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600],
  []
)
export const deadLetters = counter("herald_dead_letters_total", "events that can never be handled", [])
