/** The event log in Kafka. */
import { Effect, Layer } from "effect"
import { EventLog } from "../../src/events/EventLog.ts"
import { connectionOf, type KafkaOptions } from "./Connection.ts"
import { makePublisher } from "./Publisher.ts"
import { updates } from "./Topic.ts"

export const layer = (options: KafkaOptions) =>
  Layer.effect(
    EventLog,
    Effect.map(
      Effect.flatMap(connectionOf(options), (kafka) => makePublisher(kafka, updates(options.topic))),
      (publish) => EventLog.of({ publish })
    )
  )
