import type { CallListener, CallStatus, ServerCall } from "../../../../src/edge/grpc/ServerCall.ts"

/** A call whose transport takes as much as a test says. */
export const calling = () => {
  const sent: Array<string> = []
  const messages: Array<Buffer> = []
  const ends: Array<CallStatus> = []
  let listener: CallListener | undefined
  let clear: (() => void) | undefined
  let room = Number.POSITIVE_INFINITY
  const call = {
    path: "",
    metadata: { get: () => [], getMap: () => ({}) },
    peer: { address: "unknown", port: undefined },
    host: "",
    deadline: Number.POSITIVE_INFINITY,
    certificate: () => undefined,
    whenEnded: undefined,
    hear: (its: CallListener) => {
      listener = its
    },
    read: () => {},
    begin: () => {},
    send: (message: Buffer) => {
      sent.push(String(message))
      messages.push(message)
      return --room > 0
    },
    whenClear: (then: () => void) => {
      clear = then
    },
    end: (status: CallStatus) => void ends.push(status)
  } satisfies ServerCall
  return {
    ...{ call, sent, messages, ends },
    ask: () => {
      listener!.message(Buffer.alloc(0))
      listener!.end()
    },
    leave: () => listener!.over(),
    only: (messages: number) => {
      room = messages
    },
    clear: () => {
      room = Number.POSITIVE_INFINITY
      clear!()
    }
  }
}
