/** Who says nothing, or too slowly, or something else than HTTP/2. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer as createHttp } from "node:http"
import { connect as dial, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as dialTls } from "node:tls"
import { afterEach, assert, describe, it } from "@effect/vitest"
import {
  Flag,
  FrameReader,
  frame,
  headersFrame,
  PREFACE,
  settingsFrame,
  Type
} from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock } from "../../../../../layers/Grpc/lane/Hpack.ts"
import type { LaneOptions } from "../../../../../layers/Grpc/lane/LaneServer.ts"
import { makeCertificates } from "../../../../support/Certificates.ts"
import { turn, until } from "../../../../support/turn.ts"
import { POST } from "../Peer.ts"
import { closeAll, closing, makeServer, open } from "../Serving.ts"

afterEach(closeAll)

/** Milliseconds; the clock of connections ticks once a second. */
const SOON = 50

const serve = async (options: LaneOptions = {}) => {
  const reasons: Array<string> = []
  const opened = await open({ refuse: (reason) => reasons.push(reason), ...options })
  const raw = async () => {
    const socket = dial(opened.port, "127.0.0.1")
    const seen = { bytes: Buffer.alloc(0), closed: false }
    closing.push(() => socket.destroy())
    socket.on("error", () => {})
    socket.on("close", () => {
      seen.closed = true
    })
    socket.on("data", (bytes: Buffer) => {
      seen.bytes = Buffer.concat([seen.bytes, bytes])
    })
    await new Promise((resolve) => socket.once("connect", resolve))
    return { socket, seen }
  }
  return { ...opened, reasons, raw }
}
const greeting = Buffer.concat([PREFACE, settingsFrame([]), frame(Type.SETTINGS, Flag.ACK, 0, 0)])

describe("who is slow", () => {
  it("LV2 a connection that says nothing, or only how HTTP/2 begins, byte by byte, is closed and counted; others stay", async () => {
    const { raw, reasons, say } = await serve({ times: { preface: SOON } })
    const stays = await raw()
    stays.socket.write(greeting)
    const silent = await raw()
    const dribbling = await raw()
    const halfway = await raw()
    const unacknowledged = await raw()
    dribbling.socket.write("P")
    await turn()
    dribbling.socket.write("R")
    halfway.socket.write(PREFACE.subarray(0, 20))
    unacknowledged.socket.write(Buffer.concat([PREFACE, settingsFrame([])]))
    const slow = [silent, dribbling, halfway, unacknowledged]
    await until(() => slow.every(({ seen }) => seen.closed))
    assert.deepStrictEqual(reasons, ["preface", "preface", "preface", "preface"])
    assert.isFalse(stays.seen.closed)
    assert.isNull((await say("hello")).error)
  })

  it("CC15 a client that answers no PING is closed, whatever else it said", async () => {
    const { raw, reasons, say } = await serve({ times: { keepalive: SOON, silence: SOON } })
    const { socket, seen } = await raw()
    socket.write(Buffer.concat([greeting, headersFrame(1, encodeBlock(POST), false)]))
    await until(() => seen.closed)
    assert.deepStrictEqual(reasons, ["silence"])
    assert.isNull((await say("hello")).error)
  })

  it("CC15 a block that is never finished keeps no connection", async () => {
    const { raw, reasons } = await serve({ times: { keepalive: SOON, silence: SOON } })
    const { socket, seen } = await raw()
    socket.write(Buffer.concat([greeting, frame(Type.HEADERS, 0, 1, encodeBlock(POST))]))
    await until(() => seen.closed)
    assert.deepStrictEqual(reasons, ["silence"])
  })

  it("FM2 CC11 frames that come byte by byte are taken as whole ones are", async () => {
    const { raw } = await serve()
    const { socket, seen } = await raw()
    const bytes = Buffer.concat([greeting, headersFrame(1, encodeBlock(POST), true)])
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]))
      await turn()
    }
    const types: Array<number> = []
    const answered = () => {
      types.length = 0
      new FrameReader((type) => types.push(type)).push(seen.bytes)
      return types.includes(Type.HEADERS)
    }
    await until(answered)
    assert.notInclude(types, Type.GOAWAY)
  })
})

describe("other protocols", () => {
  it("LV1 HTTP/1.1 that hides HTTP/2 in a body, or after a request, opens no stream", async () => {
    const calls = Buffer.concat([greeting, headersFrame(1, encodeBlock(POST), true)])
    const texts = [
      "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
      `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${calls.length}\r\n\r\n`,
      "GET / HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAAA\r\n\r\n",
      "PRI / HTTP/1.1\r\nhost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    ]
    const http = createHttp((_, response) => response.end("one"))
    let admitted = 0
    const admit: LaneOptions["admit"] = (_, begin) => {
      admitted++
      begin()
      return true
    }
    const http1 = (socket: Socket) => void http.emit("connection", socket)
    for (const { raw, say } of [await serve({ admit }), await serve({ admit, http1 })]) {
      await Promise.all(
        texts.map(async (text) => {
          const { socket, seen } = await raw()
          socket.write(Buffer.concat([Buffer.from(text, "latin1"), calls]))
          await until(() => seen.closed)
        })
      )
      assert.strictEqual(admitted, 0)
      assert.isNull((await say("hello")).error)
      admitted = 0
    }
  })

  it("LV2 TLS: a handshake that never ends is closed and counted; nobody negotiates again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lane-"))
    closing.push(() => rmSync(folder, { recursive: true }))
    const { key, certificate, trusted } = makeCertificates(folder)
    const reasons: Array<string> = []
    const listen = async (options: LaneOptions) => {
      const server = makeServer({ refuse: (reason) => reasons.push(reason), ...options })
      server.make({ cert: readFileSync(certificate), key: readFileSync(key) })
      closing.push(() => server.destroy())
      return server.listen("127.0.0.1", 0)
    }
    const silent = dial(await listen({ times: { preface: SOON } }), "127.0.0.1")
    closing.push(() => silent.destroy())
    let closed = false
    silent.on("error", () => {})
    silent.on("close", () => {
      closed = true
    })
    silent.resume()
    await until(() => closed)
    assert.deepStrictEqual(reasons, ["preface"])

    const socket = dialTls({
      ...{ port: await listen({}), host: "127.0.0.1", ca: trusted.ca, servername: "localhost" },
      ...{ maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] }
    })
    closing.push(() => socket.destroy())
    let over = false
    socket.on("error", () => {})
    socket.on("close", () => {
      over = true
    })
    await new Promise((resolve) => socket.once("secureConnect", resolve))
    socket.write(greeting)
    socket.resume()
    let again: Error | null | undefined
    socket.renegotiate({}, (error) => {
      again = error
    })
    await until(() => over)
    assert.isNotNull(again)
  })
})
