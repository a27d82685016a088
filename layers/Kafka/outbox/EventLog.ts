/** The event log in Kafka. */
import { Effect, Layer } from "effect"
import { EventLog } from "../../../src/outbox/EventLog.ts"
import { connectionOf, type KafkaOptions } from "../connection/Connection.ts"
import { makePublisher } from "../connection/Publisher.ts"
import { updates } from "../connection/Topic.ts"

export const layer = (options: KafkaOptions) =>
  Layer.effect(
    EventLog,
    Effect.map(
      Effect.flatMap(connectionOf(options), (kafka) => makePublisher(kafka, updates(options.topic))),
      (publish) => EventLog.of({ publish })
    )
  )
