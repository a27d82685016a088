import { assert, describe, it } from "@effect/vitest"
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js"
import { GrpcJsCall } from "../../../layers/Grpc/GrpcJsCall.ts"
import { OK } from "../../../src/edge/grpc/Status.ts"

/** What a call stands on, without a wire: what was sent waits until it is told that it is on its way. */
const under = (startRead: (say: (message: Buffer) => void) => void = () => {}) => {
  const sent: Array<unknown> = []
  const waiting: Array<() => void> = []
  let listener: Parameters<ServerInterceptingCallInterface["start"]>[0] | undefined
  let reads = 0
  const say = (message: Buffer) => listener!.onReceiveMessage(message)
  const call = new GrpcJsCall("/a.B/C", {
    start: (given: typeof listener) => {
      listener = given
      given!.onReceiveMetadata(new Metadata())
    },
    getConnectionInfo: () => ({}),
    sendMetadata: (metadata: Metadata) => void sent.push(metadata.getMap()),
    sendMessage: (message: unknown, callback: () => void) => {
      sent.push(message)
      waiting.push(callback)
    },
    sendStatus: ({ code }: { readonly code: number }) => void sent.push(code),
    startRead: () => {
      reads++
      startRead(say)
    }
  } as unknown as ServerInterceptingCallInterface)
  return {
    ...{ call, sent, say },
    cancel: () => listener!.onCancel(),
    reads: () => reads,
    leave: (n: number) => {
      for (const callback of waiting.splice(0, n)) callback()
    }
  }
}
const headers = { "grpc-accept-encoding": "identity" }

describe("a call of grpc-js", () => {
  it("G12 what is sent keeps its order behind the headers, and the sender hears when too much waits and when nothing does", () => {
    const { call, sent, leave } = under()
    const messages = Array.from({ length: 17 }, (_, i) => Buffer.from([i]))
    const room = messages.slice(0, 16).map((one) => call.send(one))
    let drained = 0
    call.whenClear(() => drained++)
    leave(15)
    const early = drained
    leave(1)

    assert.deepStrictEqual(room, [...Array.from({ length: 15 }, () => true), false])
    assert.deepStrictEqual([early, drained], [0, 1])
    assert.isTrue(call.send(messages[16]!))
    assert.deepStrictEqual(sent, [headers, ...messages])
  })

  it("G12 large messages count by their bytes, until nothing waits", () => {
    const { call, leave } = under()
    const large = Buffer.alloc(33_000)
    const room = [call.send(large), call.send(large)]
    let drained = 0
    call.whenClear(() => drained++)
    leave(1)
    const early = drained
    leave(1)

    assert.isTrue(call.send(large))
    leave(1)

    assert.deepStrictEqual([room, early, drained], [[true, false], 0, 1])
  })

  it("G13 ten thousand messages that came together are heard in their order, each when the one before was", () => {
    const sent = Array.from({ length: 10_000 }, (_, i) => Buffer.from(String(i)))
    const waiting = [...sent]
    // As grpc-js: what came already is given at once.
    const { call, say } = under((say) => {
      if (waiting.length > 0) say(waiting.shift()!)
    })
    const heard: Array<unknown> = []
    let within = 0
    call.hear({
      message: (message) => {
        assert.strictEqual(++within, 1)
        heard.push(message)
        call.read()
        within--
      },
      end: () => {},
      over: () => {}
    })
    call.read()
    say(waiting.shift() ?? Buffer.alloc(0))

    assert.deepStrictEqual(heard.slice(0, sent.length), sent)
  })

  it("G12 nothing is sent on a call that was ended, or whose client is gone", async () => {
    const ended = under()
    ended.call.end(OK)
    ended.call.end(OK)
    const gone = under()
    gone.cancel()

    assert.deepStrictEqual([ended.call.send(Buffer.alloc(1)), gone.call.send(Buffer.alloc(1))], [false, false])
    await new Promise<void>((resolve) => ended.call.whenClear(resolve))
    assert.deepStrictEqual([ended.sent, gone.sent], [[0], []])
    await new Promise<void>((over) => gone.call.hear({ message: () => {}, end: () => {}, over }))
  })

  it("one whose client was gone before it began is not served: nobody would hear that it is over", () => {
    const came = [true, false].map((begins) => {
      const call = new GrpcJsCall("/a.B/C", {
        start: ({ onReceiveMetadata }: { readonly onReceiveMetadata: (metadata: Metadata) => void }) => {
          if (begins) onReceiveMetadata(new Metadata())
        },
        getConnectionInfo: () => ({})
      } as unknown as ServerInterceptingCallInterface)
      return call.came
    })

    assert.deepStrictEqual(came, [true, false])
  })

  it("a message that is larger than any may be ends the call", () => {
    const { call, sent } = under()

    assert.isFalse(call.send(Buffer.alloc(8_388_609)))
    assert.deepStrictEqual(sent, [8])
  })
})
