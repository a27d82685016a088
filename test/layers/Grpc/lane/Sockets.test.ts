/** What else comes to the port of the lane. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer as createHttp, get } from "node:http"
import { Agent, get as getTls } from "node:https"
import { connect as dial, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js"
import { PREFACE } from "../../../../layers/Grpc/lane/Frames.ts"
import { makeCertificates } from "../../../support/Certificates.ts"
import { until } from "../../../support/turn.ts"
import { type Any, closeAll, closing, definition, makeServer, open } from "./Serving.ts"

afterEach(closeAll)

const raw = async (port: number) => {
  const socket: Socket = dial(port, "127.0.0.1")
  closing.push(() => socket.destroy())
  socket.on("error", () => {})
  let closed = false
  socket.on("close", () => {
    closed = true
  })
  await new Promise((resolve) => socket.once("connect", resolve))
  return { socket, closed: () => closed }
}

describe("the port of the lane", () => {
  it("LV1 hands HTTP/1.1 on, in whatever pieces it comes", async () => {
    const http = createHttp((_, response) => response.end("one"))
    const { port, say } = await open({ http1: (socket) => void http.emit("connection", socket) })
    const body = await new Promise<string>((resolve) => {
      get(`http://127.0.0.1:${port}/`, { agent: false }, (response) => {
        response.setEncoding("utf8").on("data", resolve)
      })
    })
    assert.strictEqual(body, "one")
    const { socket } = await raw(port)
    let text = ""
    socket.on("data", (bytes) => {
      text += String(bytes)
    })
    for (const char of "P") socket.write(char)
    await new Promise((resolve) => setImmediate(resolve))
    socket.write("UT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
    await until(() => text.includes("200 OK"))
    assert.isNull((await say("both")).error)
  })

  it("LV1 takes the preface in pieces", async () => {
    const { port } = await open()
    const { socket } = await raw(port)
    let got = 0
    socket.on("data", (bytes: Buffer) => {
      got += bytes.length
    })
    for (const byte of PREFACE) {
      socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => got > 20)
  })

  it("LV1 speaks TLS by ALPN, and hands on who agreed on HTTP/1.1", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lane-"))
    closing.push(() => rmSync(folder, { recursive: true }))
    const { key, certificate, trusted } = makeCertificates(folder)
    const http = createHttp((_, response) => response.end("one"))
    const server = makeServer({ http1: (socket) => void http.emit("connection", socket) })
    server.make({ cert: readFileSync(certificate), key: readFileSync(key) })
    const port = await server.listen("127.0.0.1", 0)
    const Client = makeGenericClientConstructor(definition as Any, "B")
    const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(trusted.ca))) as Any
    closing.push(() => {
      client.close()
      server.destroy()
    })
    const answer = await new Promise<string>((resolve) =>
      client.say(Buffer.from("hello"), (error: ServiceError | null, said?: Buffer) => resolve(String(said ?? error)))
    )
    assert.include(answer, "hello")
    const agent = new Agent({ ALPNProtocols: ["http/1.1"] } as object)
    closing.push(() => agent.destroy())
    const body = await new Promise<string>((resolve) => {
      getTls(`https://127.0.0.1:${port}/`, { agent, ca: trusted.ca }, (response) => {
        response.setEncoding("utf8").on("data", resolve)
      })
    })
    assert.strictEqual(body, "one")
  })
})
