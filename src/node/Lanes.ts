/** How a node hears of other nodes' commits besides NOTIFY and the poll, where it is set: Redis, which is the shared cache, too, and Kafka. */
import { Layer } from "effect"
import * as KafkaLane from "../../layers/Kafka/propagation/HintLane.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as Node from "./Node.ts"

export const lanes = ({ redis, kafka, node }: Pick<Settings, "redis" | "kafka" | "node">) => {
  const overRedis = redis === undefined ? Layer.empty : Redis.layer(redis).pipe(Layer.provide(Node.kinds))
  return kafka?.hints === true ? KafkaLane.layer({ ...kafka, node }).pipe(Layer.provideMerge(overRedis)) : overRedis
}
