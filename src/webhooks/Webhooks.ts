/**
 * The group `notification`: turns changes of critical keys into webhooks. The group only queues them, so that no receiver holds up a
 * partition; senders send what is queued.
 *
 *   WN1  Every change of a critical key, of whatever kind, and of what is about one, and each breaking of the glass, is queued for every receiver once, and nothing else is.
 */
import { Effect, Layer, Metric, Redacted } from "effect"
import { runGroup } from "../consumers/Group.ts"
import type { Arrived } from "../consumers/Received.ts"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { every } from "../telemetry/Every.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { waitFor } from "../telemetry/WaitFor.ts"
import { Digest } from "../values/Digest.ts"
import { makeSender } from "./Sender.ts"
import { importKey, isCritical, pack } from "./Webhook.ts"
import { WebhookQueue } from "./WebhookQueue.ts"

/** What was done without a second person is told of whatever it was. */
const ALARM = "access_break_glass"

export interface WebhooksOptions {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
  readonly urls: Redacted.Redacted<ReadonlyArray<string>>
  readonly secret: Redacted.Redacted
  /** Signs as well, while receivers change over to the new secret. */
  readonly previousSecret: Redacted.Redacted | undefined
  /** Patterns of keys, of every kind; `*` is every key. */
  readonly keys: ReadonlyArray<string>
}

const SIZE = 200
const MEASURE = "10 seconds"
const SWEEP = "5 minutes"

const make = Effect.fnUntraced(function* ({ run, urls, secret, previousSecret, keys }: WebhooksOptions) {
  const queue = yield* WebhookQueue
  const digest = yield* Digest
  const secrets = [secret, ...(previousSecret === undefined ? [] : [previousSecret])]
  const signing = yield* Effect.promise(() => Promise.all(secrets.map((one) => importKey(Redacted.value(one)))))
  const receivers = Redacted.value(urls).map((url) => ({ target: digest(url), url, host: new URL(url).host }))
  const hosts = new Map(receivers.map(({ target, host }) => [target, host]))
  const targets = [...hosts.keys()]
  const senders = yield* Effect.forEach(receivers, (receiver) => makeSender(receiver, signing))

  const webhookOf = ({ id, event, replayed, received }: Arrived) => ({
    id,
    millis: Date.parse(event.timestamp),
    record: pack(received),
    again: replayed?.target ?? null
  })

  for (const { run } of senders) yield* Effect.forkScoped(run)
  const introduced = waitFor("waiting for the database", queue.introduce(targets))
  const consuming = runGroup({
    group: "notification",
    size: SIZE,
    types: "changes",
    wanted: ({ event }) =>
      "key" in event &&
      (event.event_type === ALARM || [event.key, ...(event.about ?? [])].some((key) => isCritical(keys, key))), // WN1
    effect: (events) =>
      Effect.map(queue.add(events.map(webhookOf), targets), (fresh) => {
        if (fresh > 0) for (const { wake } of senders) wake()
      })
  })
  yield* Effect.forkScoped(Effect.andThen(introduced, consuming))

  const measure = Effect.flatMap(queue.standing(targets), (standings) =>
    Effect.forEach(
      standings,
      ({ target, waiting, age }) => {
        const receiver = hosts.get(target) ?? ""
        return Effect.andThen(
          Metric.update(Metric.withAttributes(waits, { receiver }), waiting),
          Metric.update(Metric.withAttributes(oldest, { receiver }), age)
        )
      },
      { discard: true }
    )
  )
  const abandoned = (n: number) =>
    n === 0
      ? Effect.void
      : Effect.logWarning("webhooks to URLs that are not set any more were removed", { abandoned: n })
  yield* takeTurns({ name: "webhooks", run, pause: SWEEP }, (lease) =>
    queue.sweep(lease, leaseMillisOf(SWEEP)).pipe(
      Effect.tap((swept) => abandoned(swept?.abandoned ?? 0)),
      Effect.repeat({ while: (swept) => swept?.more === true }),
      Effect.asVoid
    )
  )
  yield* Effect.forkScoped(every("webhooks that wait were not counted", MEASURE, measure))
})

export const layer = (options: WebhooksOptions) => Layer.effectDiscard(make(options))

const waits = gauge("herald_webhooks_waiting", "webhooks that were not taken yet")
const oldest = gauge("herald_webhooks_age_seconds", "how long the oldest webhook that was not taken waits")
