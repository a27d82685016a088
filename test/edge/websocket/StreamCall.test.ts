/** How a stream is read, on a socket that gives as much as it is asked for. */
import { assert, describe, it } from "@effect/vitest"
import type { Socket } from "../../../src/edge/websocket/Socket.ts"
import { StreamCall } from "../../../src/edge/websocket/stream/StreamCall.ts"

/** A client that always has another message. */
const endless = (message: string, asked: (answered: () => void) => void = () => {}) => {
  const seen = { reads: 0, heard: 0, sent: [] as Array<string>, closed: undefined as number | undefined }
  let depth = 0
  let more = false
  const give = () => {
    // One after the other, as the parser has it.
    more = true
    if (depth > 0) return
    depth++
    while (more) {
      more = false
      call.heard(Buffer.from(message))
    }
    depth--
  }
  const socket = {
    ...{ address: "127.0.0.1", isBinary: false, headers: {}, isClear: true },
    read: () => {
      seen.reads++
      if (seen.reads < 5_000) give()
    },
    send: (frame: Uint8Array) => seen.sent.push(Buffer.from(frame).toString()) > 0,
    close: (code: number) => void (seen.closed = code)
  } as unknown as Socket
  const call = new StreamCall("/v1/stream", socket, { asked: (_, __, answered) => asked(answered) })
  call.hear({
    message: () => {
      seen.heard++
      call.read()
    },
    end: () => {},
    over: () => {}
  })
  return { call, seen }
}

describe("a stream's messages", () => {
  it("YB4 no more are read at once than its rate has", () => {
    const { call, seen } = endless('{"subscribe":{"heartbeat":true}}')
    call.read()
    assert.isAtLeast(seen.heard, 1_000)
    assert.isBelow(seen.heard, 2_000)
    call.over()
  })

  it("YB3 questions that are not answered are so many, and one more is read for each that is", () => {
    const waiting: Array<() => void> = []
    const { call, seen } = endless('{"id":1,"health":{}}', (answered) => waiting.push(answered))
    call.read()
    assert.strictEqual(waiting.length, 8)
    assert.strictEqual(seen.heard, 0)
    waiting.shift()!()
    assert.strictEqual(waiting.length, 8)
    call.over()
  })

  it("YB3 nothing is read that its handler does not ask for", () => {
    const { call, seen } = endless('{"subscribe":{}}')
    let heard = 0
    call.hear({ message: () => void heard++, end: () => {}, over: () => {} })
    call.read()
    assert.strictEqual(heard, 1)
    assert.strictEqual(seen.reads, 1)
    call.over()
  })

  it("YB5 ends once, and sends nothing after it", () => {
    const { call, seen } = endless("{")
    call.read()
    assert.strictEqual(seen.closed, 4_400)
    assert.strictEqual(seen.sent.length, 1)
    assert.match(seen.sent[0]!, /"problem":\{"problem":\{"code":"HRLD-1001"/)
    assert.isFalse(call.send(Buffer.alloc(0)))
    call.end({ code: 0, details: "OK" })
    assert.strictEqual(seen.sent.length, 1)
  })
})
