/** What clients may do to WebSockets at the HTTP door, by bytes that no browser sends. */
import { connect, type Socket as NodeSocket } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as L from "effect/Layer"
import * as Http from "../../../layers/Http/HttpServer.ts"
import { frame, textFrame } from "../../../src/edge/websocket/Frame.ts"
import { FIRST_BYTES, type Socket, SocketDoor } from "../../../src/edge/websocket/Socket.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { masked, text } from "./Masked.ts"

let stop = async () => {}
const sockets: Array<NodeSocket> = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await stop()
})

const start = async (open: (socket: Socket) => void, limits: Partial<Http.HttpOptions> = {}) => {
  const scope = Effect.runSync(Scope.make())
  stop = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const routes = L.effectDiscard(
    Effect.map(SocketDoor, (door) => door.serve([{ path: "/ws", protocol: "p", largest: 10_000, open }]))
  )
  const server = HttpRouter.serve(
    HttpRouter.add("GET", "/ws", HttpServerResponse.text("no socket", { status: 426 })).pipe(
      L.merge(routes)
    ) as L.Layer<never, never, HttpRouter.HttpRouter>,
    { disableLogger: true, disableListenLog: true }
  ).pipe(L.provideMerge(Http.layer({ host: "127.0.0.1", port: 0, ...limits })), L.buildWithScope(scope))
  const context = await Effect.runPromise(server)
  return Effect.runPromise(Http.boundPort.pipe(Effect.provideContext(context)))
}

const UPGRADE = {
  host: "a",
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="
}
const dial = async (port: number, headers: Record<string, string> = UPGRADE, behind: Uint8Array = Buffer.alloc(0)) => {
  const socket = connect(port, "127.0.0.1")
  sockets.push(socket)
  const seen = { closed: false, text: "" }
  socket.on("error", () => {})
  socket.on("close", () => {
    seen.closed = true
  })
  socket.on("data", (data) => (seen.text += data.toString("latin1")))
  await new Promise((resolve) => socket.once("connect", resolve))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(Buffer.concat([Buffer.from(`GET /ws HTTP/1.1\r\n${lines.join("")}\r\n`), behind]))
  return { socket, seen }
}
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
    const limits = { inAll: 6, ofPrincipal: 2, unknown: 3, unknownOfAddress: 2 }
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
    open[0]!.look!(performance.now() + 29_000)
    socket.write(whole.subarray(8_000, 8_001))
    await waitUntil("a byte", () => kept() === 8_001 - 8)
    assert.isFalse(seen.closed)
    open[0]!.look!(performance.now() + 31_000)
    await waitUntil("the end", () => ended.length === 1)
  })

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
    stop = async () => {}
    assert.include(seen.text, "leaving")
  })
})
