/** What other systems are told, where Kafka is set: the event log, its consumer groups and dead letters, and what runs on them. */
import { Layer } from "effect"
import * as DeadLetters from "../../layers/Kafka/consumers/DeadLetters.ts"
import * as EventGroups from "../../layers/Kafka/consumers/EventGroups.ts"
import * as EventLog from "../../layers/Kafka/outbox/EventLog.ts"
import * as Distributed from "../marketdata/Distributed.ts"
import * as ClientEvents from "../outbox/ClientEvents.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as Node from "./Node.ts"
import { webhooks } from "./Webhooks.ts"

/** `beneath` the services: where they tell what clients do, and what is distributed. `beside` them: what runs on the event log. */
export const events = (settings: Pick<Settings, "kafka" | "marketData" | "webhooks" | "node">, run: string) => {
  const { kafka, node } = settings
  if (kafka === undefined) return { beneath: Layer.empty, beside: Layer.empty }
  const options = { ...kafka, node }
  /** One for both: each would have a producer of its own. */
  const log = EventLog.layer(options)
  return {
    beneath: Layer.merge(
      ClientEvents.layer({ node }),
      Distributed.layer({ node, distributed: settings.marketData.distributed })
    ).pipe(Layer.provide(log)),
    beside: Layer.merge(Node.events({ run, audit: kafka.audit }), webhooks(settings, run)).pipe(
      Layer.provide([log, EventGroups.layer(options), DeadLetters.layer(options)])
    )
  }
}
