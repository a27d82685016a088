/** Dead letters in Kafka: a topic of their own, named after the one they come from. */
import { Effect, Layer } from "effect"
import { DeadLetters, written } from "../../../src/consumers/DeadLetters.ts"
import { connectionOf, type KafkaOptions } from "../connection/Connection.ts"
import { makePublisher } from "../connection/Publisher.ts"
import { deadLetters } from "../connection/Topic.ts"

export const layer = (options: KafkaOptions) =>
  Layer.effect(
    DeadLetters,
    Effect.map(
      Effect.flatMap(connectionOf(options), (kafka) => makePublisher(kafka, deadLetters(options.topic))),
      (publish) => DeadLetters.of({ put: (letters) => publish(letters.map(written)) })
    )
  )
