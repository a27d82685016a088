/** The event log in Kafka: published to, consumed by groups, and its topic as a lane of hints. */
import { layerLane as oneMore } from "../../src/propagation/HintLane.ts"
import type { KafkaOptions } from "./connection/Connection.ts"
import { lane } from "./propagation/HintLane.ts"

export type { KafkaOptions } from "./connection/Connection.ts"
export { layer as layerDeadLetters } from "./consumers/DeadLetters.ts"
export { layer as layerGroups } from "./consumers/EventGroups.ts"
export { layer as layerEventLog } from "./outbox/EventLog.ts"

export const layerLane = (options: KafkaOptions) => oneMore(lane(options))
