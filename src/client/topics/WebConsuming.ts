/**
 * A consumer's stream over a WebSocket of its own.
 *
 *   XB6  While a consumer is held it grants no more bytes than it has: what waits in the browser is bounded, although nothing can keep it from reading.
 *   XB7  Saying goodbye waits for the server's: by then everything that was answered is durable, or it is known that it isn't.
 */
import type { ConsumeRequest, ConsumeResponse } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { systemClock } from "../Platform.ts"
import type { Call, CallEvents } from "../Transport.ts"
import { answersSaid, consumedOf, consumeSaid } from "./WebConsume.ts"
import { type Dial, endedOf } from "./WebJson.ts"

/** Bytes that a consumer may be sent ahead. XB6 */
const AHEAD = 2_097_152
/** Milliseconds; the server takes at most 3,000. XB7 */
const GOODBYE = 5_000
const ID = "c"

export const consumeOver = (
  dial: Dial,
  first: ConsumeRequest,
  events: CallEvents<ConsumeResponse>
): Call<ConsumeRequest> => {
  let [received, bytes, held, welcome, leaving] = [0, AHEAD, false, false, false]
  let { granted } = first
  let room = true
  let gone = () => {}
  const waiting: Array<ConsumeRequest> = []
  const say = (request: ConsumeRequest): boolean => {
    granted = request.granted
    room = socket.say(answersSaid(ID, request, bytes))
    return room
  }
  /** XB6 */
  const grant = () => {
    if (held || received + AHEAD / 2 <= bytes) return
    bytes = received + AHEAD
    socket.say({ type: "grant", id: ID, granted: Number(granted), grantedBytes: bytes })
  }
  const socket = dial({
    welcome: () => {
      welcome = true
      socket.say(consumeSaid(ID, first, bytes))
      for (const request of waiting.splice(0)) say(request)
    },
    said: (said, size) => {
      if (said.problem !== undefined || said.type === "ended") {
        socket.drop()
        if (leaving) gone()
        else events.ended(said.problem === undefined ? goodbye : endedOf(said.problem))
        return
      }
      const response = consumedOf(said)
      received += size
      if (response !== undefined) events.message(response)
      grant()
      if (!room) {
        room = true
        events.writable()
      }
    },
    ended: (ended) => (leaving ? gone() : events.ended(ended))
  })
  return {
    send: (request) => {
      if (welcome) return say(request)
      waiting.push(request)
      return false
    },
    hold: (wanted) => {
      held = wanted
      grant()
    },
    drop: () => socket.drop(),
    finish: () =>
      new Promise((resolve) => {
        const late = systemClock.after(GOODBYE, () => gone())
        gone = () => {
          late()
          socket.drop()
          resolve()
        }
        leaving = true
        if (welcome) socket.say({ type: "end", id: ID })
        else gone()
      })
  }
}

const goodbye = {
  ...{ status: 0, message: "the server said goodbye", code: undefined, hopeless: false },
  reconnectAfterMillis: undefined
}
