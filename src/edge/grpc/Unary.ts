/**
 * Hears calls that take one message.
 *
 *   G14 Whoever sends none, or more than one, where there has to be one, is told UNIMPLEMENTED, as every server of gRPC has it.
 */
import { Code } from "./Code.ts"
import type { ServerCall } from "./ServerCall.ts"

const count = (what: string) => ({ code: Code.UNIMPLEMENTED, details: `${what} for a method that takes one` })

/** `heard`: the message, once it is known to be the only one. `over`: the call is, answered or not. G14 */
export const hearOne = (call: ServerCall, heard: (message: Buffer) => void, over: () => void = () => {}): void => {
  let message: Buffer | undefined
  call.hear({
    message: (bytes) => {
      if (message !== undefined) return call.end(count("Received a second request message"))
      message = bytes
      call.read()
    },
    end: () => (message === undefined ? call.end(count("Received no request message")) : heard(message)),
    over
  })
  call.read()
}
