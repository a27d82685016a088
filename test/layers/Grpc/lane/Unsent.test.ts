/** What waits to be sent on all connections. */
import { assert, describe, it } from "@effect/vitest"
import { windowFrame } from "../../../../layers/Grpc/lane/Frames.ts"
import { Unsent } from "../../../../layers/Grpc/lane/Unsent.ts"
import { makePeer } from "./Peer.ts"

const BOUND = 1_000_000

const crowd = (n: number, bound = BOUND) => {
  const unsent = new Unsent(bound)
  const peers = Array.from({ length: n }, () => {
    const peer = makePeer({ unsent })
    peer.greet()
    peer.request(1)
    return peer
  })
  return { unsent, peers }
}
/** More than a window: what is beyond waits. */
const message = (length: number) => Buffer.alloc(length, "x")

describe("what waits on all connections", () => {
  it("UB1 a message counts once, however many wait for it, and no more once the last has it or is gone", async () => {
    const { unsent, peers } = crowd(50)
    const shared = message(400_000)
    for (const { calls } of peers) assert.isUndefined(calls[0]!.stream.send(shared))
    await peers[0]!.written()
    const [each, last] = [unsent.bytes, peers.at(-1)!]
    for (const peer of peers.slice(0, -1)) peer.connection.gone()
    const one = unsent.bytes
    last.calls[0]!.stream.reset(8)

    assert.deepStrictEqual([each, one, unsent.bytes], [400_000, 400_000, 0])
    assert.deepStrictEqual(last.refused, [])
  })

  it("UB1 what is in a socket counts until its peer reads it", async () => {
    const { unsent, peers } = crowd(1)
    const [peer] = peers
    await peer!.written()
    peer!.state.reads = false
    peer!.calls[0]!.stream.send(message(1_000))
    await peer!.written()
    const inSocket = unsent.bytes
    peer!.state.reads = true
    peer!.connection.drained()

    assert.deepStrictEqual([inSocket, unsent.bytes], [1_014, 0])
  })

  it("UB2 beyond the bound the connections on which most waits are cut, until the rest fits; who reads stays", async () => {
    const { unsent, peers } = crowd(6)
    const [reads, ...others] = peers
    await reads!.written()
    for (const [i, peer] of others.entries()) peer.calls[0]!.stream.send(message(200_000 + 20_000 * i))
    reads!.calls[0]!.stream.send(message(1_000))
    await reads!.written()
    const cut = peers.map(({ refused }) => refused.join())

    assert.deepStrictEqual(cut, ["", "", "", "", "", "unsent_in_all"])
    assert.strictEqual(peers.at(-1)!.goaway(), 11)
    assert.isAtMost(unsent.bytes, BOUND)
    assert.isTrue(peers.slice(0, -1).every(({ connection }) => !connection.isGone && connection.streams === 1))
    assert.strictEqual(reads!.got.at(-1)?.payload.length, 1_005)
  })

  it("UB1 what is sent, and what is in a socket that is gone, counts no more", async () => {
    const { unsent, peers } = crowd(2)
    const [sends, goes] = peers
    await sends!.written()
    sends!.calls[0]!.stream.send(message(100_000))
    await sends!.written()
    sends!.send(windowFrame(0, 100_000), windowFrame(1, 100_000))
    await sends!.written()
    const sent = unsent.bytes
    goes!.state.reads = false
    goes!.calls[0]!.stream.send(message(1_000))
    await goes!.written()
    const inSocket = unsent.bytes
    goes!.connection.gone()

    assert.deepStrictEqual([sent, inSocket, unsent.bytes], [0, 1_014, 0])
  })

  it("UB2 as many are cut at once as have to be", async () => {
    const { unsent, peers } = crowd(5)
    for (const peer of peers) peer.calls[0]!.stream.send(message(700_000))
    await peers[0]!.written()

    assert.lengthOf(
      peers.filter(({ refused }) => refused.join() === "unsent_in_all"),
      4
    )
    assert.isAtMost(unsent.bytes, BOUND)
  })
})
