import { assert, describe, it } from "@effect/vitest"
import type { Socket } from "../../../src/edge/websocket/Socket.ts"
import { Taking } from "../../../src/edge/websocket/topics/Taking.ts"
import type { Told } from "../../../src/subscriptions/ConsumerConnections.ts"

const durable = (receipt: number): Told => ({ is: "durable", receipt })

/** A socket that has room when the test says so. */
const fakeSocket = () => {
  const sent: Array<string> = []
  const waiting: Array<() => void> = []
  const socket = {
    isClear: true,
    send: (frame: Uint8Array) => sent.push(Buffer.from(frame).subarray(2).toString()),
    whenClear: (then: () => void) => waiting.push(then)
  }
  const clears = () => {
    for (const then of waiting.splice(0)) then()
  }
  return { socket: socket as unknown as Socket & { isClear: boolean }, sent, waiting, clears }
}
const takingOf = (socket: Socket, grantedBytes?: number) =>
  new Taking(socket, { id: "c", topic: "t", as: "json", grantedBytes, ended: () => {} })

describe("what a consumer of a socket is told", () => {
  it("YK1 goes out as it is told, and whoever tells it waits until the socket has room: nothing is kept", () => {
    const { socket, sent, waiting, clears } = fakeSocket()
    const taking = takingOf(socket)
    assert.isTrue(taking.tell(durable(1)))
    assert.deepStrictEqual(sent, ['{"id":"c","type":"durable","receipt":1}'])
    socket.isClear = false
    assert.isFalse(taking.tell(durable(2)))
    assert.lengthOf(sent, 2)
    let went = 0
    taking.whenClear(() => went++)
    clears() // another of the socket took the room
    assert.strictEqual(went, 0)
    assert.lengthOf(waiting, 1)
    socket.isClear = true
    clears()
    clears()
    assert.strictEqual(went, 1)
    assert.lengthOf(sent, 2)
  })

  it("YK2 stops once what was granted is sent, asks the socket for nothing meanwhile, and goes on with more", () => {
    const { socket, sent, waiting, clears } = fakeSocket()
    const taking = takingOf(socket, 60)
    assert.isTrue(taking.tell(durable(1)))
    assert.isFalse(taking.isSpent())
    assert.isFalse(taking.tell(durable(2)))
    assert.isTrue(taking.isSpent()) // and owes nothing
    socket.isClear = false
    assert.isFalse(taking.isSpent())
    socket.isClear = true
    let went = 0
    taking.whenClear(() => went++)
    taking.grant(10) // never less than it was
    assert.deepStrictEqual([sent.length, waiting.length, went], [2, 0, 0])
    taking.grant(200)
    clears()
    assert.strictEqual(went, 1)
    assert.isTrue(taking.tell(durable(3)))
  })
})
