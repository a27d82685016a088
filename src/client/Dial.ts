/** By which door the server is talked to: gRPC, or a WebSocket where the address is one of HTTP. */
import type { GrpcOptions } from "./GrpcCalls.ts"
import { GrpcTransport } from "./GrpcTransport.ts"
import type { Transport } from "./Transport.ts"
import { isOfHttp } from "./topics/WebSocketTopics.ts"
import { WebSocketTransport } from "./WebSocketTransport.ts"

/** Throws `OptionError`. */
export const dial = (options: GrpcOptions): Transport =>
  isOfHttp(options.address) ? new WebSocketTransport(options) : new GrpcTransport(options)
