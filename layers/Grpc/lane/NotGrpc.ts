/** What comes on a stream that carries no call of gRPC. */
import { dataHeader, unframed } from "./Framing.ts"
import { notGrpc } from "./Replies.ts"
import type { Stream, StreamListener } from "./Stream.ts"

/** Bytes of a body that are waited for, before its client is told. */
const BODY = 16_384

const SAYS = unframed(Buffer.from("This port speaks gRPC: POST, with content-type application/grpc.\n"))

/** For a stream that was answered. */
export const ignored = (stream: Stream): StreamListener => ({
  data: (_: Buffer, start: number, end: number) => {
    stream.taken(end - start)
    return true
  },
  ended: () => {},
  over: () => {}
})

/** Milliseconds. */
const WAIT = 1_000

/** Answers what is no gRPC once it is complete, large or late: until then its own faults are told first. */
export const refuseBody = (stream: Stream, status: number, said: () => void): void => {
  const answer = () => {
    clearTimeout(late)
    if (stream.ended) return
    said()
    stream.respond(notGrpc(stream.id, status, SAYS.length))
    stream.wait(SAYS)
    stream.finish(dataHeader(0, stream.id, true))
  }
  const late = setTimeout(answer, WAIT)
  stream.listener = {
    data: (_, start, end) => {
      stream.taken(end - start)
      if (stream.received >= BODY) answer()
      return true
    },
    ended: answer,
    over: () => clearTimeout(late)
  }
}
