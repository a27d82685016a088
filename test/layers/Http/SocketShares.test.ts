/** What one client of WebSockets may have of all. */
import { assert, describe, it } from "@effect/vitest"
import { socketLimits } from "../../../layers/Http/websocket/Sockets.ts"
import { FIRST_BYTES, type Socket } from "../../../src/edge/websocket/Socket.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { text } from "./Masked.ts"
import { dial, start, stop, UPGRADE } from "./SocketDoor.ts"

describe("shares of WebSockets", () => {
  it("YS3 sends no more than a token before it is known, and then as much as the route takes", async () => {
    const heard: Array<number> = []
    const port = await start((socket) => {
      socket.hear({
        message: (bytes) => {
          heard.push(bytes.length)
          assert.isUndefined(socket.signedIn("ann"))
          socket.read()
        },
        leaving: () => {},
        over: () => {}
      })
      socket.read()
    })
    const known = await dial(port, UPGRADE, Buffer.concat([text("x".repeat(FIRST_BYTES)), text("x".repeat(9_900))]))
    await waitUntil("both messages", () => heard.length === 2)
    assert.deepStrictEqual(heard, [FIRST_BYTES, 9_900])
    assert.isFalse(known.seen.closed)
    const { seen } = await dial(port, UPGRADE, text("x".repeat(FIRST_BYTES + 1)))
    await waitUntil("the end", () => seen.closed)
    assert.include(seen.text, `more than ${FIRST_BYTES} bytes`)
  })

  it("YS3 a principal has a share of all, and unknown ones few places, each given back", async () => {
    const open: Array<Socket> = []
    const limits = { inAll: 6, ofPrincipal: 2, unknown: 3, unknownOfAddress: 2, unknownFor: 60_000 }
    const port = await start(
      (socket) => {
        open.push(socket)
        socket.hear({ message: () => {}, leaving: () => {}, over: () => {} })
      },
      { sockets: limits }
    )
    const opened = async () => {
      const before = open.length
      const dialled = await dial(port)
      await waitUntil("an answer", () => open.length > before || dialled.seen.text.includes("HTTP/1.1 503"))
      return dialled
    }
    const first = await opened()
    await opened()
    assert.include((await opened()).seen.text, "has not come")
    assert.deepStrictEqual([open[0]!.signedIn("eve"), open[1]!.signedIn("eve")], [undefined, undefined])
    await opened()
    assert.strictEqual(open[2]!.signedIn("eve")?.name, "ServerFull")
    assert.isUndefined(open[2]!.signedIn("ann"))
    first.socket.destroy()
    await opened()
    await waitUntil("the share to be free", () => open[3]!.signedIn("eve") === undefined)
  })

  it("YS3 beside a principal that has its share, and all who say nothing, others find a place", async () => {
    const { inAll, ofPrincipal, unknown } = socketLimits
    assert.isAtMost(ofPrincipal + unknown, inAll - 100)
    for (const unknownFor of [60_000, 0]) {
      const open: Array<Socket> = []
      const over: Array<Socket> = []
      const limits = { inAll: 6, ofPrincipal: 2, unknown: 3, unknownOfAddress: 4, unknownFor }
      const port = await start(
        (socket) => {
          open.push(socket)
          socket.hear({ message: () => {}, leaving: () => {}, over: () => over.push(socket) })
        },
        { sockets: limits }
      )
      const come = async (count: number) => {
        for (let n = 0; n < count; n++) await dial(port)
      }
      await come(2)
      await waitUntil("two", () => open.length === 2)
      for (const one of open) assert.isUndefined(one.signedIn("eve"))
      await come(3)
      await waitUntil("those who say nothing", () => open.length === 5)
      const { seen } = await dial(port)
      if (unknownFor > 0) await waitUntil("a refusal", () => seen.text.includes("HTTP/1.1 503"))
      else {
        await waitUntil("a place", () => open.length === 6)
        assert.isUndefined(open[5]!.signedIn("ann"))
        await waitUntil("the oldest of those to go", () => over.length === 1)
        assert.strictEqual(over[0], open[2])
      }
      await stop()
    }
  })

  it("YS3 who has all that an address may have cuts no other one's, and those go first of whom there are most", async () => {
    const open: Array<Socket> = []
    const over: Array<Socket> = []
    let spoken = 0
    const limits = { inAll: 10, ofPrincipal: 2, unknown: 5, unknownOfAddress: 3, unknownFor: 0 }
    const port = await start(
      (socket) => {
        open.push(socket)
        socket.hear({ message: () => spoken++, leaving: () => {}, over: () => over.push(socket) })
        socket.read()
      },
      { sockets: limits }
    )
    const come = async (from: string, first: Uint8Array = Buffer.alloc(0)) => {
      const before = open.length
      const dialled = await dial(port, UPGRADE, first, from)
      await waitUntil("an answer", () => open.length > before || dialled.seen.text.includes("HTTP/1.1 503"))
      return dialled.seen
    }
    await come("127.0.0.1")
    await come("127.0.0.2", text("a token"))
    await waitUntil("its token, which is being looked at", () => spoken === 1)
    for (let n = 0; n < 2; n++) await come("127.0.0.2")
    await come("127.0.0.3")
    await waitUntil("all", () => open.length === 5)
    assert.include((await come("127.0.0.2")).text, " 503 ")
    assert.lengthOf(over, 0)
    await come("127.0.0.4")
    await waitUntil("one to go", () => over.length === 1)
    assert.strictEqual(over[0], open[2])
  })

  it("HS6 YS3 a wrong token counts against its address", async () => {
    const port = await start(
      (socket) => {
        socket.wrongToken()
        socket.close(4_401, "no")
      },
      { open: { perSecond: 0.000_1, burst: 7 } }
    )
    const first = await dial(port)
    await waitUntil("the end", () => first.seen.closed)
    const second = await dial(port)
    await waitUntil("the end of the second", () => second.seen.closed)
    const third = await dial(port)
    await waitUntil("an answer", () => third.seen.text.includes("HTTP/1.1"))
    assert.include(second.seen.text, " 101 ")
    assert.include(third.seen.text, " 429 ")
  })

  it("YC4 cuts a message that does not become whole, however it trickles", async () => {
    const open: Array<Socket & { readonly look?: (now: number) => void }> = []
    const ended: Array<Socket> = []
    const port = await start((socket) => {
      open.push(socket)
      socket.signedIn("ann")
      socket.hear({ message: () => socket.read(), leaving: () => {}, over: () => ended.push(socket) })
      socket.read()
    })
    const { socket, seen } = await dial(port)
    await waitUntil("a socket", () => open.length === 1)
    const whole = text("x".repeat(9_000))
    const kept = () => (open[0] as unknown as { kept: () => number }).kept()
    socket.write(whole)
    socket.write(whole.subarray(0, 8_000))
    await waitUntil("half of it", () => kept() > 7_000)
    const begun = performance.now()
    open[0]!.look!(begun + 29_000)
    await waitUntil("the byte to come later", () => performance.now() > begun + 5)
    socket.write(whole.subarray(8_000, 8_001))
    await waitUntil("a byte", () => kept() === 8_001 - 8)
    assert.isFalse(seen.closed)
    const reasons: Array<string> = []
    const { cut } = open[0] as unknown as { readonly cut: (reason: string) => boolean }
    Object.assign(open[0]!, { cut: (reason: string) => reasons.push(reason) > 0 && cut(reason) })
    // By when it began: the byte puts nothing off.
    open[0]!.look!(begun + 30_000 + (8_001 / 65_536) * 1_000)
    assert.deepStrictEqual(reasons, ["slow_message"])
    await waitUntil("the end", () => ended.length === 1)
  })
})
