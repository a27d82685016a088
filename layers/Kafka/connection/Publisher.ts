/**
 * Publishes to one topic, and contains whatever kafkajs does.
 *
 *   KF1  When a publish returns, every message is on all in-sync replicas, in the given order within each partition. It fails
 *        `EventLogUnavailable` within 15 s.
 *   KF2  After a failure the producer is thrown away and the next publish makes a new one, so that nothing of the old one's state matters.
 */
import { Duration, Effect, Ref } from "effect"
import type { Kafka, Producer } from "kafkajs"
import { failure } from "../../../src/errors/HeraldError.ts"
import { contextsOf, nameOf, optionsOf, type Message as TracedMessage, within } from "../../../src/telemetry/Traces.ts"
import { CLIENT_ID, farewell } from "./Connection.ts"
import { type TopicOptions, topicReady } from "./Topic.ts"

export interface Message {
  readonly key: string | Uint8Array | null
  readonly body: string | Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
}

const PATIENCE = Duration.seconds(14)
/** Bytes of one request, about: brokers take batches of 1 MiB for a partition, and a request may be all for one. */
const REQUEST = 400_000

const sizeOf = ({ body, key, headers }: Message): number =>
  100 +
  (key?.length ?? 0) +
  (body?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, 0)

/** Splits into requests, in order, each within `REQUEST` unless a single message is larger. Pure. */
export const requestsOf = <A extends Message>(messages: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const requests: Array<Array<A>> = []
  let size = Number.POSITIVE_INFINITY
  for (const message of messages) {
    const more = sizeOf(message)
    if (size + more > REQUEST) {
      requests.push([])
      size = 0
    }
    requests.at(-1)!.push(message)
    size += more
  }
  return requests
}

const asKafka = (part: string | Uint8Array | null) => (part instanceof Uint8Array ? Buffer.from(part) : part)

export const makePublisher = Effect.fnUntraced(function* (kafka: Kafka, options: TopicOptions) {
  const { topic } = options
  const current = yield* Ref.make<Producer | undefined>(undefined)

  const giveUp = Effect.flatMap(Ref.getAndSet(current, undefined), (producer) =>
    Effect.sync(() => void producer?.disconnect().catch(() => {}))
  )
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Ref.getAndSet(current, undefined), (producer) =>
      producer === undefined ? Effect.void : farewell(() => producer.disconnect(), 1_000)
    )
  )

  const attempt = <A>(use: () => Promise<A>) => Effect.tryPromise({ try: use, catch: (cause) => cause as Error })

  const connect = Effect.gen(function* () {
    yield* topicReady(kafka, options)
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

  const send = (producer: Producer, messages: ReadonlyArray<Message>) => {
    const traced: TracedMessage = {
      system: "kafka",
      destination: topic,
      operation: "send",
      attributes: { "messaging.batch.message_count": messages.length, "messaging.client.id": CLIENT_ID }
    }
    return attempt(() =>
      producer.send({
        topic,
        acks: -1,
        timeout: 10_000,
        messages: messages.map(({ key, body, headers }) => ({
          key: asKafka(key),
          value: asKafka(body),
          headers: { ...headers }
        }))
      })
    ).pipe(
      Effect.withSpan(nameOf(traced), optionsOf(traced)),
      within(contextsOf(messages.map(({ headers }) => headers["traceparent"] ?? "")))
    )
  }

  return (messages: ReadonlyArray<Message>) =>
    Effect.flatMap(Ref.get(current), (held) => (held === undefined ? connect : Effect.succeed(held))).pipe(
      Effect.flatMap((producer) =>
        Effect.forEach(requestsOf(messages), (request) => send(producer, request), { discard: true })
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
