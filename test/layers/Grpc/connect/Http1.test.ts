/** HTTP/1.1 at the gRPC door: what a client may do to it, whatever it asks. */
import { createServer, connect as dial, type Server, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "vitest"
import type { Answer, Connect } from "../../../../layers/Grpc/connect/Connect.ts"
import { Http1, type Http1Options } from "../../../../layers/Grpc/connect/Http1.ts"
import { buckets } from "../../../../layers/Grpc/lane/Protections.ts"
import { makeOrigins } from "../../../../src/net/Origins.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

const closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const answer = (status: number, body: Answer["body"]): Answer => ({ status, headers: new Headers(), body })
const said = async function* (text: string) {
  yield Buffer.from(text)
}
const yes: Connect = () => async () => answer(200, said("yes"))

const start = async (connect: Connect, more: Partial<Http1Options> = {}) => {
  const refused: Array<string> = []
  const defects: Array<unknown> = []
  const http1 = new Http1({
    connect,
    origins: makeOrigins({ origins: ["https://app.test"], methods: ["POST"], exposed: ["herald-code"] }),
    refuse: (reason) => void refused.push(reason),
    defect: (error) => void defects.push(error),
    admit: (_, begin) => {
      begin()
      return true
    },
    isStranger: (_, code) => Number.isNaN(code),
    certificateOf: () => undefined,
    ...more
  })
  const server: Server = createServer((socket) => {
    socket.on("error", () => {})
    http1.accept(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  closing.push(() => {
    server.close()
    http1.cut()
  })
  return { http1, port, refused, defects }
}

const raw = async (port: number) => {
  const socket: Socket = dial(port, "127.0.0.1")
  closing.push(() => socket.destroy())
  const heard = { text: "", closed: false }
  socket.on("error", () => {})
  socket.on("data", (bytes) => {
    heard.text += String(bytes)
  })
  socket.on("close", () => {
    heard.closed = true
  })
  await new Promise((resolve) => socket.once("connect", resolve))
  return { socket, heard }
}
const post = (more = "", body = "") =>
  `POST /a.B/C HTTP/1.1\r\nhost: a\r\n${more}content-length: ${body.length}\r\n\r\n${body}`
const count = (text: string, what: string) => text.split(what).length - 1

describe("HTTP/1.1 at the gRPC door", () => {
  it("HO1 headers that never end, and a body that never does, are waited for no longer than they may take", async () => {
    const times = { headersTimeout: 30, requestTimeout: 60, connectionsCheckingInterval: 10 }
    const reading: Connect =
      () =>
      async ({ body }) => {
        for await (const _ of body);
        return answer(200, said("yes"))
      }
    const { port } = await start(reading, { times })
    const [headers, body] = [await raw(port), await raw(port)]
    headers.socket.write("POST /a.B/C HTTP/1.1\r\nhost:")
    body.socket.write("POST /a.B/C HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n1")
    await waitUntil("both to be closed", () => headers.heard.closed && body.heard.closed)
    assert.include(headers.heard.text, "408")
    assert.include(body.heard.text, "408")
  })

  it("HO2 whoever does not read an answer is cut, and what it would have been ends", async () => {
    let ended = false
    const endless = async function* () {
      try {
        for (;;) yield Buffer.alloc(1_048_576)
      } finally {
        ended = true
      }
    }
    const connect: Connect = () => async () => answer(200, endless())
    const { port, refused } = await start(connect, { patience: 50, lookEvery: 10, bytesPerSecond: 1e12 })
    const { socket } = await raw(port)
    socket.pause()
    socket.write(post())
    await waitUntil("it to be cut", () => refused.includes("unread_time"))
    await waitUntil("its answer to end", () => ended)
  })

  it("HO2 more requests at once than one connection may have close it, and one after the other they are answered", async () => {
    const never: Connect = () => () => new Promise(() => {})
    const { port, refused } = await start(never)
    const { socket, heard } = await raw(port)
    socket.write(post().repeat(65))
    await waitUntil("it to be closed", () => heard.closed)
    assert.deepStrictEqual(refused, ["pipelined"])
    const another = await start(yes)
    const patient = await raw(another.port)
    for (let n = 1; n <= 100; n++) {
      patient.socket.write(post())
      await waitUntil("an answer", () => count(patient.heard.text, "yes") === n)
    }
  })

  it("HO3 a server that leaves closes idle connections at once, and others once they are answered", async () => {
    const waiting = Promise.withResolvers<Answer>()
    let asked = false
    const { port, http1 } = await start(() => () => {
      asked = true
      return waiting.promise
    })
    const [idle, busy] = [await raw(port), await raw(port)]
    busy.socket.write(post())
    await waitUntil("it to be asked", () => asked)
    let gone = false
    const left = http1.leave().then(() => {
      gone = true
    })
    await waitUntil("the idle one to be closed", () => idle.heard.closed)
    assert.deepStrictEqual([busy.heard.closed, gone], [false, false])
    waiting.resolve(answer(200, said("yes")))
    await left
    await waitUntil("the other one to be closed", () => busy.heard.closed)
    assert.include(busy.heard.text, "yes")
  })

  it("HO4 whoever asks for what is not there, again and again, loses its connection", async () => {
    const { port, refused } = await start(() => undefined)
    const { socket, heard } = await raw(port)
    for (let sent = 0; sent < buckets.strangers.bound * 2 && !heard.closed; ) {
      socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50))
      sent += 50
      await waitUntil("the answers", () => heard.closed || count(heard.text, " 404 ") === sent)
    }
    assert.isTrue(heard.closed)
    assert.deepStrictEqual(refused, ["strangers"])
  })

  it("says to whoever only looks what this port is, and what is wrong with a request", async () => {
    const { port, defects } = await start((path) =>
      path === "/a.B/C" ? async () => answer(415, undefined) : undefined
    )
    const of = async (request: string) => {
      const { socket, heard } = await raw(port)
      socket.end(request)
      await waitUntil("an answer", () => heard.closed)
      return heard.text
    }
    const root = await of("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert.match(root, /^HTTP\/1.1 404 [\s\S]*gRPC port[\s\S]*HTTP_PORT/)
    assert.match(await of("GET /a.B/C HTTP/1.1\r\nhost: a\r\n\r\n"), /^HTTP\/1.1 405 [\s\S]*allow: POST/)
    assert.match(await of(post("content-type: application/grpc\r\n")), /^HTTP\/1.1 415 [\s\S]*gRPC by HTTP\/2/)
    assert.notInclude(await of("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n"), "Herald")
    for (const target of ["//", "http://[", "*", "/%zz", "/?", "/a.B/C/"])
      assert.match(await of(`POST ${target} HTTP/1.1\r\nhost: b\r\ncontent-length: 0\r\n\r\n`), /^HTTP\/1.1 4/)
    assert.match(await of("CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"), /^$|^HTTP\/1.1 4/)
    assert.match(await of("POST /a.B/C HTTP/1.1\r\nhost: a b\r\ncontent-length: 0\r\n\r\n"), /^HTTP\/1.1 4/)
    assert.deepStrictEqual(defects, [])
  })

  it("closes a connection whose client goes on with a body that nobody wants, and keeps one whose rest is small", async () => {
    const { port } = await start(yes)
    const [large, small] = [await raw(port), await raw(port)]
    large.socket.write("POST /a.B/C HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await waitUntil("the large one to be closed", () => large.heard.closed)
    assert.include(large.heard.text, "yes")
    small.socket.write("POST /a.B/C HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12")
    await waitUntil("an answer", () => small.heard.text.includes("yes"))
    small.socket.write(`345${post()}`)
    await waitUntil("another", () => count(small.heard.text, "yes") === 2)
  })

  it("OX1, OX2 lets pages of named origins ask, and no others", async () => {
    const { port } = await start((path) => (path === "/a.B/C" ? yes(path) : undefined))
    const ask = (method: string, origin: string, path = "/a.B/C") =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { origin, "access-control-request-headers": "authorization,connect-protocol-version" }
      })
    const asked = await ask("OPTIONS", "https://app.test")
    assert.strictEqual(asked.status, 204)
    assert.strictEqual(asked.headers.get("access-control-allow-origin"), "https://app.test")
    assert.strictEqual(asked.headers.get("access-control-allow-headers"), "authorization,connect-protocol-version")
    assert.strictEqual((await ask("OPTIONS", "https://other.test")).status, 405)
    const answered = await ask("POST", "https://app.test")
    assert.strictEqual(answered.headers.get("access-control-allow-origin"), "https://app.test")
    assert.strictEqual(answered.headers.get("access-control-expose-headers"), "herald-code")
    const other = await ask("POST", "https://other.test")
    assert.strictEqual(other.headers.get("access-control-allow-origin"), null)
    assert.strictEqual(other.headers.get("vary"), "Origin")
  })
})
