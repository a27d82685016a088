/** What clients may do to WebSockets at the HTTP door, by bytes that no browser sends. */
import { assert, describe, it } from "@effect/vitest"
import { frame, textFrame } from "../../../src/edge/websocket/Frame.ts"
import type { Socket } from "../../../src/edge/websocket/Socket.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { masked, text } from "./Masked.ts"
import { dial, start, stop, UPGRADE } from "./SocketDoor.ts"

const echo = (socket: Socket) => {
  socket.signedIn("ann")
  socket.hear({
    message: (bytes) => {
      socket.send(textFrame(bytes.toString()))
      socket.read()
    },
    leaving: () => {},
    over: () => {}
  })
  socket.read()
}

describe("a WebSocket at the door", () => {
  it("YO1 opens with the answer of RFC 6455, also when messages come with the request", async () => {
    const port = await start(echo)
    const { seen } = await dial(port, { ...UPGRADE, "sec-websocket-protocol": "x, p" }, text("at once"))
    await waitUntil("an echo", () => seen.text.includes("at once"))
    assert.include(seen.text, "101 Switching Protocols")
    assert.include(seen.text, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert.include(seen.text, "Sec-WebSocket-Protocol: p")
  })

  it("YO1 answers what opens none with a problem", async () => {
    const port = await start(echo)
    for (const wrong of [
      { ...UPGRADE, "sec-websocket-version": "8" },
      { ...UPGRADE, "sec-websocket-key": "short" },
      { ...UPGRADE, "sec-websocket-protocol": "x" }
    ]) {
      const { seen } = await dial(port, wrong)
      await waitUntil("the end", () => seen.closed)
      assert.include(seen.text, "HTTP/1.1 400")
      assert.include(seen.text, "HRLD-")
    }
    const { seen } = await dial(port, { host: "a" })
    await waitUntil("an answer", () => seen.text.includes("no socket"))
  })

  it("YS1, YC2 hears one message when it was asked for, and reads nothing else meanwhile", async () => {
    const heard: Array<string> = []
    let its: Socket | undefined
    const port = await start((socket) => {
      its = socket
      socket.signedIn("ann")
      socket.hear({ message: (bytes) => heard.push(bytes.toString()), leaving: () => {}, over: () => {} })
    })
    const { socket } = await dial(port, UPGRADE, text("one"))
    const flood = Buffer.concat(Array.from({ length: 2_000 }, () => text("x".repeat(9_000))))
    socket.write(flood)
    await waitUntil("a socket", () => its)
    its!.read()
    await waitUntil("the first", () => heard.length === 1)
    await waitUntil("a client that can't send on", () => socket.writableLength > 1_000_000)
    assert.deepStrictEqual(heard, ["one"])
    its!.read()
    await waitUntil("the second", () => heard.length === 2)
  })

  it("YS2 tells who sends to wait, and those who wait in turn", async () => {
    let its: Socket | undefined
    const port = await start((socket) => {
      its = socket
      socket.hear({ message: () => {}, leaving: () => {}, over: () => {} })
    })
    const { socket } = await dial(port)
    socket.pause()
    await waitUntil("a socket", () => its)
    const piece = frame(1, Buffer.alloc(100_000, 97))
    let sent = 0
    while (its!.send(piece) && sent < 1_000) sent++
    await waitUntil("what waits", () => {
      while (its!.isClear) its!.send(piece)
      return !its!.isClear
    })
    const order: Array<number> = []
    for (const n of [1, 2, 3])
      its!.whenClear(() => {
        order.push(n)
        if (n === 1) while (its!.send(piece)) sent++
      })
    assert.deepStrictEqual(order, [])
    assert.isFalse(its!.isClear)
    socket.resume()
    await waitUntil("all", () => order.length === 3)
    assert.deepStrictEqual(order, [1, 2, 3])
  })

  it("YO2, HS3 cuts who does not read", async () => {
    let over = false
    const port = await start(
      (socket) => {
        socket.hear({
          message: () => {},
          leaving: () => {},
          over: () => {
            over = true
          }
        })
        const piece = frame(1, Buffer.alloc(1_000_000, 97))
        for (let n = 0; n < 20; n++) socket.send(piece)
      },
      { patience: 50, bytesPerSecond: 100_000_000, lookEvery: 20 }
    )
    const { socket } = await dial(port)
    socket.pause()
    await waitUntil("the end of it", () => over)
  })

  it("YP1, YC3 says why it ends what a client may not send", async () => {
    const port = await start(echo)
    const { seen } = await dial(port, UPGRADE, masked(2, Buffer.from("bytes")))
    await waitUntil("the end", () => seen.closed)
    assert.include(seen.text, "a message is no text")
    const { seen: large } = await dial(port, UPGRADE, text("x".repeat(10_001)))
    await waitUntil("the end", () => large.closed)
    assert.include(large.text, "more than 10000 bytes")
  })
})

describe("who is there", () => {
  it("YC1 cuts who answers no ping, and keeps who does", async () => {
    const open: Array<Socket & { readonly look?: (now: number) => void }> = []
    const ended: Array<Socket> = []
    const port = await start((socket) => {
      open.push(socket)
      socket.hear({ message: () => {}, leaving: () => {}, over: () => ended.push(socket) })
      socket.read()
    })
    const { seen } = await dial(port)
    await waitUntil("a socket", () => open.length === 1)
    const now = performance.now()
    open[0]!.look!(now + 30_000)
    await waitUntil("a ping", () => seen.text.endsWith("\x89\x00"))
    assert.lengthOf(ended, 0)
    open[0]!.look!(now + 70_000)
    await waitUntil("the end", () => ended.length === 1)
  })

  it("YO3 those who serve sockets end them when the server leaves", async () => {
    const port = await start((socket) => {
      socket.hear({ message: () => {}, leaving: () => socket.close(4_503, "leaving"), over: () => {} })
      socket.read()
    })
    const { seen } = await dial(port)
    await waitUntil("a socket", () => seen.text.includes("101"))
    const stopped = stop()
    await waitUntil("the end", () => seen.closed)
    await stopped
    assert.include(seen.text, "leaving")
  })
})
