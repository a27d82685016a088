/** A reader's share of a socket, and texts that all readers share. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TopicFrames } from "../../../src/edge/http/topics/TopicFrames.ts"
import { textFrame } from "../../../src/edge/websocket/Frame.ts"
import { Held } from "../../../src/edge/websocket/Held.ts"
import type { Socket } from "../../../src/edge/websocket/Socket.ts"
import { Batch, LIVE, type Told } from "../../../src/fanout/Batch.ts"
import { frameOf } from "../../../src/topics/Message.ts"

class Fake implements Socket {
  readonly certificate = undefined
  readonly address = "unknown"
  readonly isBinary = false
  readonly headers = {}
  readonly sent: Array<string> = []
  readonly waiting: Array<() => void> = []
  isClear = true
  readonly hear = () => {}
  readonly read = () => {}
  readonly close = () => {}
  readonly signedIn = () => undefined
  readonly wrongToken = () => {}
  readonly send = (...frames: ReadonlyArray<Uint8Array>) => {
    this.sent.push(frames.map((one) => Buffer.from(one.subarray(2)).toString()).join(""))
    return this.isClear
  }
  readonly whenClear = (then: () => void) => void this.waiting.push(then)
  clear(): void {
    this.isClear = true
    for (const then of this.waiting.splice(0)) then()
  }
}

const batch = (n: number) => {
  const { bytes, count } = frameOf([{ key: null, payload: Buffer.from(`${n}`), eventTime: null, headers: new Map() }])
  return new Batch({ partition: 0, epoch: 1, first: n, next: n + 1, at: 5, count, rows: [bytes] })
}
const nameOf = (told: Told) => (told.kind === "batch" ? `e${told.first}` : told.kind)
const held = (socket: Fake, granted?: number) => {
  const encoded: Array<string> = []
  const made = new Held(socket, {
    framesOf: (told) => {
      encoded.push(nameOf(told))
      return [textFrame(nameOf(told))]
    },
    granted,
    ended: () => {}
  })
  return { made, encoded }
}

describe("a reader of a socket", () => {
  it("YH1 keeps one thing for a socket that is full, and encodes it when there is room", () => {
    const socket = new Fake()
    const { made, encoded } = held(socket)
    assert.isTrue(made.write(LIVE))
    socket.isClear = false
    assert.isFalse(made.write(batch(1)))
    assert.deepStrictEqual(encoded, ["live"])
    let went = 0
    made.drained(() => went++)
    socket.clear()
    assert.deepStrictEqual(socket.sent, ["live", "e1"])
    assert.strictEqual(went, 1)
  })

  it("YH1 goes on when the socket is full again before its turn", () => {
    const socket = new Fake()
    const { made } = held(socket)
    socket.isClear = false
    made.write(batch(1))
    let went = 0
    made.drained(() => went++)
    const [then] = socket.waiting.splice(0)
    then!() // another was faster
    assert.deepStrictEqual(socket.sent, [])
    socket.clear()
    assert.deepStrictEqual(socket.sent, ["e1"])
    assert.strictEqual(went, 1)
  })

  it("YH2 counts what was granted from the beginning, and one message goes over it", () => {
    const socket = new Fake()
    const { made } = held(socket, 3)
    assert.isTrue(made.write(batch(1)))
    assert.isFalse(made.write(batch(2)))
    let went = 0
    made.drained(() => went++)
    made.grant(2)
    socket.clear()
    assert.strictEqual(went, 0)
    made.grant(10)
    socket.clear()
    assert.strictEqual(went, 1)
    assert.isFalse(new Held(socket, { framesOf: () => [], granted: 0, ended: () => {} }).write(LIVE))
  })

  it("YH1 what is closed is sent nothing more", () => {
    const socket = new Fake()
    const { made } = held(socket)
    socket.isClear = false
    made.write(batch(1))
    made.drained(() => assert.fail("it is over"))
    made.close()
    socket.clear()
    assert.deepStrictEqual(socket.sent, [])
  })
})

describe("texts", () => {
  it.effect("YE3 are made once for all who are sent a batch, and kept within a bound", () =>
    Effect.gen(function* () {
      const frames = yield* TopicFrames
      const one = batch(1)
      const made = frames.of("t", one, "json")
      assert.strictEqual(frames.of("t", one, "json"), made)
      assert.notStrictEqual(frames.of("t", one, "text"), made)
      const large = "x".repeat(1_000_000)
      for (let n = 2; n < 12; n++) {
        const { bytes } = frameOf([{ key: null, payload: Buffer.from(large), eventTime: null, headers: new Map() }])
        frames.of(
          "t",
          new Batch({ partition: 0, epoch: 1, first: n, next: n + 1, at: 5, count: 1, rows: [bytes] }),
          "json"
        )
      }
      assert.notStrictEqual(frames.of("t", one, "json"), made)
      assert.deepStrictEqual(JSON.parse(`{${made.text.toString()}`).events[0], {
        ...{ id: "t:0:1:1", offset: 1, value: "1", publishedAt: 5 }
      })
    }).pipe(Effect.provide(TopicFrames.layer))
  )
})
