/** Dial.ts for browsers, which have no gRPC: packages/client/package.json says so to bundlers. */
import { OptionError } from "./ClientError.ts"
import type { dial as dialAny } from "./Dial.ts"
import { isOfHttp } from "./topics/WebSocketTopics.ts"
import { WebSocketTransport } from "./WebSocketTransport.ts"

/** Throws `OptionError`. */
export const dial: typeof dialAny = (options) => {
  if (!isOfHttp(options.address)) throw new OptionError("address: in a browser, such as https://herald.example.com.")
  return new WebSocketTransport(options)
}
