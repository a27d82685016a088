/** A call on a connection without a socket: what it gives back, and what ends it. */
import { assert, describe, it } from "@effect/vitest"
import { Code, frame, Type } from "../../../../layers/Grpc/lane/Frames.ts"
import { LaneCall } from "../../../../layers/Grpc/lane/LaneCall.ts"
import { makePeer } from "./Peer.ts"

const begin = () => {
  const peer = makePeer({ takes: false })
  peer.greet()
  peer.request(1)
  const { stream, request } = peer.calls[0]!
  const reasons: Array<string> = []
  const origin = {
    peer: { address: "127.0.0.1", port: 1, socket: {}, unread: () => {}, stranger: () => {} },
    certificate: () => undefined,
    maxList: () => Number.POSITIVE_INFINITY
  }
  // biome-ignore lint/suspicious/noExplicitAny: nothing here asks for its socket
  const call = new LaneCall(stream, request, origin as any, {
    ...{ maxReceive: 1_000_000, maxSend: 8_388_608, timeout: undefined },
    ...{ onStatus: () => {}, onUnsent: (which) => reasons.push(which), onDefect: () => {} }
  })
  return { peer, call, reasons }
}

describe("a call of the lane", () => {
  it("GC6 gives back what came of a message that is not complete, and nothing of it again when it is", async () => {
    const { peer, call } = begin()
    let messages = 0
    const message = () => {
      messages++
      call.read()
    }
    call.hear({ message, end: () => {}, over: () => {} })
    call.read()
    const bytes = Buffer.concat([Buffer.from([0, 0, 3, 0x0d, 0x40]), Buffer.alloc(200_000)])
    let sent = 0
    for (let n = 0; n < 5; n++)
      for (let at = 0; at < bytes.length; at += 10_000) {
        const part = bytes.subarray(at, at + 10_000)
        sent += part.length
        peer.send(frame(Type.DATA, 0, 1, part))
        await peer.written()
      }
    const given = peer
      .of(Type.WINDOW_UPDATE)
      .filter(({ id }) => id === 1)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)

    assert.strictEqual(messages, 5)
    assert.isAtMost(given, sent)
    assert.isAtLeast(given, sent - 32_768)
  })

  it("CC7 is reset, and that is counted, when more waits for its client than may", async () => {
    const { peer, call, reasons } = begin()
    const large = Buffer.alloc(8_388_608)
    for (let n = 0; n < 3; n++) call.send(large)
    await peer.written()

    assert.deepStrictEqual([reasons, peer.resets()], [["unsent_of_stream"], [[1, Code.ENHANCE_YOUR_CALM]]])
  })
})
