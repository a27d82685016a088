/** Who is on his way to the lane when its server leaves. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect as dial, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as dialTls } from "node:tls"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { FrameReader, MAX_WINDOW, PREFACE, settingsFrame, Type } from "../../../../layers/Grpc/lane/Frames.ts"
import type { LaneServer } from "../../../../layers/Grpc/lane/LaneServer.ts"
import { makeCertificates } from "../../../support/Certificates.ts"
import { waitUntil } from "../../../support/waitUntil.ts"
import { closeAll, closing, makeServer } from "./Serving.ts"

afterEach(closeAll)

const listen = async (times: object, tls?: { readonly cert: Buffer; readonly key: Buffer }) => {
  const server = makeServer({ times })
  closing.push(() => server.destroy())
  const inner = server.make(tls)
  let came = 0
  inner.on("connection", () => {
    came++
  })
  const port = await server.listen("127.0.0.1", 0)
  const socket = dial(port, "127.0.0.1")
  await waitUntil("the server to have it", () => came === 1)
  return { server, socket }
}

const secured = () => {
  const folder = mkdtempSync(join(tmpdir(), "lane-"))
  closing.push(() => rmSync(folder, { recursive: true }))
  const { key, certificate, trusted } = makeCertificates(folder)
  return { trusted, tls: { cert: readFileSync(certificate), key: readFileSync(key) } }
}

const BEGIN = Buffer.concat([PREFACE, settingsFrame([])])

/** What a client hears that says its preface only now; its calls of the first moment are in time. */
const hears = async (server: LaneServer) => {
  let left = false
  const leaving = server.shutdown().then(() => {
    left = true
  })
  return async (on: Socket) => {
    closing.push(() => on.destroy())
    const goaways: Array<number> = []
    const reader = new FrameReader((type, _flags, _id, bytes, start) => {
      if (type === Type.GOAWAY) goaways.push(bytes.readUInt32BE(start))
    })
    let wrong: Error | undefined
    on.on("data", (chunk: Buffer) => reader.push(chunk))
    on.on("error", (error) => {
      wrong = error
    })
    assert.isFalse(left)
    on.write(BEGIN)
    await waitUntil("GOAWAY", () => goaways.length > 0)
    assert.strictEqual(goaways[0], MAX_WINDOW)
    on.destroy()
    await leaving
    assert.isUndefined(wrong)
  }
}

describe("a server that leaves", () => {
  it("LV3 asks those to leave as well who have said nothing yet", async () => {
    const { server, socket } = await listen({ moment: 60_000 })
    const heard = await hears(server)
    await heard(socket)
  })

  it("LV3 and those whose handshake is under way", async () => {
    const { trusted, tls } = secured()
    const { server, socket } = await listen({ moment: 60_000 }, tls)
    const heard = await hears(server)
    const secure = dialTls({ socket, servername: "localhost", ca: trusted.ca, ALPNProtocols: ["h2"] })
    await new Promise((resolve) => secure.once("secureConnect", resolve))
    await heard(secure)
  })

  it("LV3 waits a moment only for who goes on saying nothing", async () => {
    const { server, socket } = await listen({ moment: 0 })
    let closed = false
    socket.on("close", () => {
      closed = true
    })
    socket.resume()
    await server.shutdown()
    await waitUntil("its end", () => closed)
  })
})
