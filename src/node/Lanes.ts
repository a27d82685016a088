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

/** How nodes hear of each other's commits, besides NOTIFY and the poll. */
export const lanes = ({ redis, kafka, node }: Pick<Settings, "redis" | "kafka" | "node">) => {
  const overRedis = redis === undefined ? Layer.empty : Redis.layer(redis)
  return kafka?.hints === true ? KafkaLane.layer({ ...kafka, node }).pipe(Layer.provideMerge(overRedis)) : overRedis
}

/** What clients do, for the event log; beneath all that notes it. */
export const clientEvents = ({ kafka, node }: Pick<Settings, "kafka" | "node">) =>
  kafka === undefined
    ? Layer.empty
    : ClientEvents.layer({ node }).pipe(Layer.provide(EventLog.layer({ ...kafka, node })))

/** What runs on the event log. */
export const events = ({ kafka, webhooks, node }: Pick<Settings, "kafka" | "webhooks" | "node">, run: string) => {
  if (kafka === undefined) return Layer.empty
  const options = { ...kafka, node }
  const log = Layer.mergeAll(EventLog.layer(options), EventGroups.layer(options), DeadLetters.layer(options))
  const posting =
    webhooks === undefined
      ? Layer.empty
      : Node.webhooks({ ...webhooks, run }).pipe(Layer.provide(WebhookPost.layer(webhooks)))
  return Layer.merge(Node.events({ run, audit: kafka.audit }), posting).pipe(Layer.provide(log))
}
