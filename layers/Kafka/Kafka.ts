/** The event log in Kafka: published to, consumed by groups, and its topic as a lane of hints. */
import { layerLane as oneMore } from "../../src/propagation/HintLane.ts"
import type { KafkaOptions } from "./Connection.ts"
import { lane } from "./Lane.ts"

export type { KafkaOptions } from "./Connection.ts"
export { layer as layerDeadLetters } from "./DeadLetters.ts"
export { layer as layerEventLog } from "./EventLog.ts"
export { layer as layerGroups } from "./Groups.ts"

export const layerLane = (options: KafkaOptions) => oneMore(lane(options))
