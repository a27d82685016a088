/** The lane on real sockets, with grpc-js as its client. */
import { createServer as createHttp, get } from "node:http"
import { connect } from "node:http2"
import { connect as dial, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import {
  credentials,
  type Client as GrpcClient,
  Metadata,
  makeGenericClientConstructor,
  type ServiceError
} from "@grpc/grpc-js"
import { PREFACE } from "../../../../layers/Grpc/lane/Frames.ts"
import { timeoutOf } from "../../../../layers/Grpc/lane/LaneCall.ts"
import { type LaneOptions, LaneServer } from "../../../../layers/Grpc/lane/LaneServer.ts"
import { until } from "../../../support/turn.ts"

const asItIs = (bytes: Buffer) => bytes
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/a.B/${name}`, requestStream, responseStream },
  ...{ requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs }
})
const definition = {
  say: method("Say", false, false),
  count: method("Count", false, true),
  sum: method("Sum", true, false),
  talk: method("Talk", true, true)
}

let closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing) close()
  closing = []
})

// biome-ignore lint/suspicious/noExplicitAny: handlers and clients of four kinds
type Any = any
const handlers = {
  say: (call: Any, reply: Any) => {
    const text = String(call.request)
    if (text === "throw") throw new Error("thrown")
    if (text === "fail") return reply({ code: 9, details: "no – 50 %", metadata: call.metadata })
    const metadata = new Metadata()
    metadata.set("peer", call.getPeer())
    metadata.set("bytes-bin", Buffer.from([0, 255]))
    call.sendMetadata(metadata)
    reply(null, Buffer.from(`${text} ${call.metadata.get("who")} ${call.getHost() !== ""}`), metadata)
  },
  count: (call: Any) => {
    for (let n = 1; n <= 3; n++) call.write(Buffer.from(String(n)))
    call.end()
  },
  sum: (call: Any, reply: Any) => {
    let sum = 0
    call.on("data", (bytes: Buffer) => {
      sum += bytes.length
    })
    call.on("end", () => reply(null, Buffer.from(String(sum))))
  },
  talk: (call: Any) => {
    call.on("data", (bytes: Buffer) => call.write(bytes))
    call.on("end", () => call.end())
    call.on("error", () => {})
  }
}

const open = async (options: LaneOptions = {}, given: object = handlers) => {
  const server = new LaneServer(options)
  server.addService(definition as never, given)
  const port = await server.listen("127.0.0.1", 0)
  const Client = makeGenericClientConstructor(definition as Any, "B")
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure()) as GrpcClient & Record<string, Any>
  closing.push(() => {
    client.close()
    server.destroy()
  })
  const say = (text: string | Buffer, options: object = {}) =>
    new Promise<{ error: ServiceError | null; answer: Buffer | undefined }>((resolve) => {
      const metadata = new Metadata()
      metadata.set("who", "me")
      client["say"](Buffer.from(text), metadata, options, (error: ServiceError | null, answer?: Buffer) =>
        resolve({ error, answer })
      )
    })
  return { server, port, client, say }
}

const heard = (call: Any) => {
  const got: Array<Buffer> = []
  const seen: { status: Any } = { status: undefined }
  call.on("data", (bytes: Buffer) => got.push(bytes))
  call.on("error", () => {})
  call.on("status", (status: Any) => {
    seen.status = status
  })
  return { got, seen, ended: () => until(() => seen.status !== undefined) }
}

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

describe("the lane", () => {
  it("answers unary calls, with metadata both ways, failures and throws", async () => {
    const { say } = await open()
    const { answer } = await say("hello")
    assert.strictEqual(String(answer), "hello me true")
    const { error } = await say("fail")
    assert.deepStrictEqual([error?.code, error?.details, error?.metadata.get("who")], [9, "no – 50 %", ["me"]])
    const thrown = await say("throw")
    assert.strictEqual(thrown.error?.code, 2) // GC7
  })

  it("answers streams of all kinds, in order", async () => {
    const { client } = await open()
    const count = heard(client["count"](Buffer.from("")))
    await count.ended()
    assert.deepStrictEqual(count.got.map(String), ["1", "2", "3"])

    const sum = await new Promise<string>((resolve) => {
      const call = client["sum"]((_: unknown, answer: Buffer) => resolve(String(answer)))
      for (let n = 0; n < 50; n++) call.write(Buffer.alloc(40_000))
      call.end()
    })
    assert.strictEqual(sum, "2000000")

    const talk = client["talk"]()
    const { got, ended } = heard(talk)
    for (let n = 0; n < 500; n++) talk.write(Buffer.from(`message ${n}`))
    talk.end()
    await ended()
    assert.deepStrictEqual(
      got.map(String),
      Array.from({ length: 500 }, (_, n) => `message ${n}`)
    )
  })

  it("GC6 takes and gives messages that are larger than every window", async () => {
    const { client } = await open({ maxReceive: 8_000_000 })
    const talk = client["talk"]()
    const { got, ended } = heard(talk)
    const large = Buffer.alloc(3_000_000, "x")
    talk.write(large)
    talk.end()
    await ended()
    assert.isTrue(got[0]?.equals(large))
  })

  it("GC5 a call that fails for its messages is answered, and its handler told", async () => {
    let over = 0
    const talk = (call: Any) => {
      call.on("data", () => {})
      call.on("error", () => {})
      call.on("cancelled", () => over++)
    }
    const { client, say } = await open({ maxReceive: 100 }, { ...handlers, talk })
    const call = client["talk"]()
    const { seen, ended } = heard(call)
    call.write(Buffer.alloc(101))
    await ended()
    assert.strictEqual(seen.status.code, 8)
    await until(() => over === 1)
    assert.isNull((await say("still")).error)
  })

  it("GC5 a deadline ends a call on the server, and a client's going is heard", async () => {
    let over = 0
    const { client, say } = await open(
      {},
      {
        ...handlers,
        say: (call: Any) => call.on("cancelled", () => over++),
        talk: (call: Any) =>
          call
            .on("cancelled", () => over++)
            .on("data", () => {})
            .on("error", () => {})
      }
    )
    const { error } = await say("wait", { deadline: Date.now() + 50 })
    assert.strictEqual(error?.code, 4)
    await until(() => over === 1)
    const talk = client["talk"]()
    heard(talk)
    talk.write(Buffer.from("x"))
    setImmediate(() => talk.cancel())
    await until(() => over === 2)
  })

  it("a deadline of any eight digits is one, or none", () => {
    assert.deepStrictEqual(
      [
        timeoutOf("99999999H"),
        timeoutOf("1S"),
        timeoutOf("5m"),
        timeoutOf("123456789S"),
        timeoutOf("1x"),
        timeoutOf("")
      ],
      [99_999_999 * 3_600_000, 1_000, 5, undefined, undefined, undefined]
    )
  })

  it("tells what it does not have, and what is no gRPC", async () => {
    const { port } = await open()
    const session = connect(`http://127.0.0.1:${port}`)
    closing.push(() => session.destroy())
    const ask = (headers: object) =>
      new Promise<Any>((resolve) =>
        session
          .request({ ":path": "/a.B/None", ...headers })
          .on("response", resolve)
          .end()
      )
    const post = { ":method": "POST", "content-type": "application/grpc" }
    assert.strictEqual((await ask(post))["grpc-status"], "12")
    assert.strictEqual((await ask({ ...post, "content-type": "text/html" }))[":status"], 415)
    assert.strictEqual((await ask({ ":method": "GET" }))[":status"], 405)
    assert.strictEqual((await ask({ ...post, "grpc-encoding": "gzip" }))["grpc-accept-encoding"], "identity") // D3
    assert.strictEqual((await ask({ ...post, large: "x".repeat(20_000) }))["grpc-status"], "8")
  })

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

  it("LV3 leaves: calls go on to their end, no error is seen", async () => {
    const { server, client } = await open()
    const talk = client["talk"]()
    const { got, seen, ended } = heard(talk)
    talk.write(Buffer.from("before"))
    await until(() => got.length === 1)
    let left = false
    const leaving = server.shutdown().then(() => {
      left = true
    })
    talk.write(Buffer.from("after"))
    await until(() => got.length === 2)
    assert.isFalse(left)
    talk.end()
    await ended()
    assert.strictEqual(seen.status.code, 0)
    await leaving
  })
})
