import { assert, describe, it } from "@effect/vitest"
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js"
import { encode } from "../../../src/edge/grpc/distribution/Wire.ts"
import { Line } from "../../../src/edge/grpc/Line.ts"
import type { Update } from "../../../src/updates/Update.ts"

/** What a line stands on, without a wire: what was sent waits until it is told that it is on its way. */
const under = () => {
  const sent: Array<unknown> = []
  const waiting: Array<() => void> = []
  let listener: { readonly onReceiveMessage: (message: unknown) => void } | undefined
  let reads = 0
  const call = {
    start: (given: typeof listener) => {
      listener = given
    },
    sendMetadata: () => void sent.push("metadata"),
    sendMessage: (message: unknown, callback: () => void) => {
      sent.push(message)
      waiting.push(callback)
    },
    startRead: () => {
      reads++
    }
  } as unknown as ServerInterceptingCallInterface
  return {
    call,
    sent,
    say: (message: unknown) => listener!.onReceiveMessage(message),
    reads: () => reads,
    leave: (n: number) => {
      for (const callback of waiting.splice(0, n)) callback()
    }
  }
}
const update = (reconnectAfterMillis: number): Update => ({ kind: "drain", reconnectAfterMillis })

describe("Line", () => {
  it("G12 what is sent keeps its order behind the metadata, and the sender hears when too much waits and when nothing does", () => {
    const { call, sent, leave } = under()
    const sink = new Line(call, {}).sink({ writable: true }, encode)
    const updates = Array.from({ length: 17 }, (_, i) => update(i))
    const room = updates.slice(0, 16).map((one) => sink.write(one))
    let drained = 0
    sink.drained(() => drained++)
    leave(15)
    const early = drained
    leave(1)

    assert.deepStrictEqual(room, [...Array.from({ length: 15 }, () => true), false])
    assert.deepStrictEqual([early, drained], [0, 1])
    assert.isTrue(sink.write(updates[16]!))
    assert.deepStrictEqual(sent, ["metadata", ...updates.map(encode)])
  })

  it("G12 large messages count by their bytes, until nothing waits", () => {
    const { call, leave } = under()
    const sink = new Line(call, {}).sink({ writable: true }, encode)
    const large = (id: number): Update => ({
      kind: "problem",
      environment: "production",
      key: `k${id}`,
      revision: 1n,
      epoch: "e",
      message: "x".repeat(33_000)
    })
    const room = [1, 2].map((id) => sink.write(large(id)))
    let drained = 0
    sink.drained(() => drained++)
    leave(1)
    const early = drained
    leave(1)

    assert.isTrue(sink.write(large(3)))
    leave(1)

    assert.deepStrictEqual([room, early, drained], [[true, false], 0, 1])
  })

  it("G13 ten thousand messages that came together are heard in their order, each when the one before was", () => {
    const sent = Array.from({ length: 10_000 }, (_, i) => i)
    const waiting = [...sent]
    let listener: { readonly onReceiveMessage: (message: unknown) => void } | undefined
    const line = new Line(
      {
        start: (given: typeof listener) => {
          listener = given
        },
        // As grpc-js: what came already is given at once.
        startRead: () => {
          if (waiting.length > 0) listener!.onReceiveMessage(waiting.shift())
        }
      } as unknown as ServerInterceptingCallInterface,
      {}
    )
    line.start({
      onReceiveMetadata: () => {},
      onReceiveMessage: () => {},
      onReceiveHalfClose: () => {},
      onCancel: () => {}
    })
    const heard: Array<unknown> = []
    line.hear((message) => heard.push(message))
    listener!.onReceiveMessage(waiting.shift())

    assert.deepStrictEqual(heard, sent)
  })

  it("G12 nothing is sent on a call that was ended", async () => {
    const { call, sent } = under()
    const sink = new Line(call, {}).sink({ writable: false }, encode)

    assert.isFalse(sink.write(update(1)))
    await new Promise<void>((resolve) => sink.drained(resolve))
    assert.deepStrictEqual(sent, [])
  })

  it("G12 messages go to the stream until somebody hears the line, and each is asked for when the one before was heard", () => {
    const { call, say, reads } = under()
    const line = new Line(call, {})
    const [stream, direct] = [[] as Array<unknown>, [] as Array<unknown>]
    line.start({
      onReceiveMetadata: (_: Metadata) => {},
      onReceiveMessage: (message: unknown) => void stream.push(message),
      onReceiveHalfClose: () => {},
      onCancel: () => {}
    })
    say("hello")
    const before = reads()
    line.hear((message) => direct.push(message))
    say("one")
    say("two")

    assert.deepStrictEqual([stream, direct], [["hello"], ["one", "two"]])
    assert.deepStrictEqual([before, reads()], [0, 2])
  })
})
