/** By which door topics are talked to: gRPC, or a WebSocket where the address is one of HTTP. */
import type { GrpcOptions } from "../GrpcCalls.ts"
import { GrpcTopics } from "./GrpcTopics.ts"
import type { TopicTransport } from "./TopicTransport.ts"
import { isOfHttp, WebSocketTopics } from "./WebSocketTopics.ts"

/** Throws `OptionError`. */
export const dial = (options: GrpcOptions): TopicTransport =>
  isOfHttp(options.address) ? new WebSocketTopics(options) : new GrpcTopics(options)
