/**
 * The event log in Kafka.
 *
 *   KF1  A publish has every event on all in-sync replicas when it returns, each partition in the order given; it fails within 15 s.
 *   KF2  After a failure the producer is thrown away: the next publish has a new one, so that nothing of the old one's state matters.
 */
import { Duration, Effect, Layer, Ref } from "effect"
import type { Producer } from "kafkajs"
import { failure } from "../../src/errors/HeraldError.ts"
import type { LogEvent } from "../../src/events/Event.ts"
import { EventLog } from "../../src/events/EventLog.ts"
import { contextsOf, type Message, nameOf, optionsOf, within } from "../../src/propagation/Traces.ts"
import { CLIENT_ID, connectionOf, type KafkaOptions } from "./Connection.ts"
import { topicReady } from "./Topic.ts"

const PATIENCE = Duration.seconds(14)
/** Characters of one request: brokers take a batch of 1 MiB a partition, and all may be for one. */
const REQUEST = 400_000

const sizeOf = ({ body, key, headers }: LogEvent): number =>
  100 +
  key.length +
  body.length +
  Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, 0)

/** In order, each within `REQUEST` where one event alone is. Pure. */
export const requestsOf = (events: ReadonlyArray<LogEvent>): ReadonlyArray<ReadonlyArray<LogEvent>> => {
  const requests: Array<Array<LogEvent>> = []
  let size = Number.POSITIVE_INFINITY
  for (const event of events) {
    const more = sizeOf(event)
    if (size + more > REQUEST) {
      requests.push([])
      size = 0
    }
    requests.at(-1)!.push(event)
    size += more
  }
  return requests
}

export const layer = (options: KafkaOptions) =>
  Layer.effect(
    EventLog,
    Effect.gen(function* () {
      const kafka = yield* connectionOf(options)
      const { topic } = options
      const current = yield* Ref.make<Producer | undefined>(undefined)

      const giveUp = Effect.flatMap(Ref.getAndSet(current, undefined), (producer) =>
        Effect.sync(() => void producer?.disconnect().catch(() => {}))
      )
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(Ref.getAndSet(current, undefined), (producer) =>
          producer === undefined
            ? Effect.void
            : Effect.promise(() => producer.disconnect().catch(() => {})).pipe(
                Effect.interruptible,
                Effect.timeoutOption("1 second"),
                Effect.asVoid
              )
        )
      )

      const attempt = <A>(use: () => Promise<A>) => Effect.tryPromise({ try: use, catch: (cause) => cause as Error })

      const connect = Effect.gen(function* () {
        yield* topicReady(kafka, topic)
        const producer = kafka.producer({
          idempotent: true,
          maxInFlightRequests: 1,
          allowAutoTopicCreation: false,
          retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 2_000 }
        })
        yield* Ref.set(current, producer)
        yield* attempt(() => producer.connect())
        return producer
      })

      const send = (producer: Producer, events: ReadonlyArray<LogEvent>) => {
        const message: Message = {
          system: "kafka",
          destination: topic,
          operation: "send",
          attributes: { "messaging.batch.message_count": events.length, "messaging.client.id": CLIENT_ID }
        }
        return attempt(() =>
          producer.send({
            topic,
            acks: -1,
            timeout: 10_000,
            messages: events.map(({ key, body, headers }) => ({ key, value: body, headers: { ...headers } }))
          })
        ).pipe(
          Effect.withSpan(nameOf(message), optionsOf(message)),
          within(contextsOf(events.map(({ headers }) => headers["traceparent"] ?? "")))
        )
      }

      return EventLog.of({
        publish: (events) =>
          Effect.flatMap(Ref.get(current), (held) => (held === undefined ? connect : Effect.succeed(held))).pipe(
            Effect.flatMap((producer) =>
              Effect.forEach(requestsOf(events), (request) => send(producer, request), { discard: true })
            ),
            Effect.timeoutOrElse({
              duration: PATIENCE,
              orElse: () => Effect.fail(new Error(`no answer within ${Duration.format(PATIENCE)}`))
            }),
            Effect.tapError(() => giveUp), // KF2
            Effect.onInterrupt(() => giveUp),
            Effect.mapError((cause) =>
              failure("EventLogUnavailable", `Kafka did not take the events: ${cause.message}`, { cause })
            )
          )
      })
    })
  )
