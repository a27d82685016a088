/** What nodes share besides the database, where it is set: a cache and lanes of hints over Redis and Kafka, and the event log. */
import { Layer } from "effect"
import * as DeadLetters from "../../layers/Kafka/consumers/DeadLetters.ts"
import * as EventGroups from "../../layers/Kafka/consumers/EventGroups.ts"
import * as EventLog from "../../layers/Kafka/outbox/EventLog.ts"
import * as KafkaLane from "../../layers/Kafka/propagation/HintLane.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import * as WebhookPost from "../../layers/Webhook/webhooks/WebhookPost.ts"
import * as ClientEvents from "../outbox/ClientEvents.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as Node from "./Node.ts"

type Shared = Pick<Settings, "redis" | "kafka" | "webhooks" | "node">

/**
 * `beneath` the services: how they hear of other nodes' commits, besides NOTIFY and the poll, and where they tell what clients do. `beside`
 * them: what runs on the event log.
 */
export const lanes = ({ redis, kafka, webhooks, node }: Shared, run: string) => {
  const overRedis = redis === undefined ? Layer.empty : Redis.layer(redis).pipe(Layer.provide(Node.kinds))
  if (kafka === undefined) return { beneath: overRedis, beside: Layer.empty }
  const options = { ...kafka, node }
  /** One for both: each would have a producer of its own. */
  const log = EventLog.layer(options)
  const hints = kafka.hints ? KafkaLane.layer(options).pipe(Layer.provideMerge(overRedis)) : overRedis
  const posting =
    webhooks === undefined
      ? Layer.empty
      : Node.webhooks({ ...webhooks, run }).pipe(Layer.provide(WebhookPost.layer(webhooks)))
  return {
    beneath: Layer.merge(hints, ClientEvents.layer({ node }).pipe(Layer.provide(log))),
    beside: Layer.merge(Node.events({ run, audit: kafka.audit }), posting).pipe(
      Layer.provide([log, EventGroups.layer(options), DeadLetters.layer(options)])
    )
  }
}
