/** The lane on real sockets. */
import { connect } from "node:http2"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { timeoutOf } from "../../../../layers/Grpc/lane/LaneCall.ts"
import { Metadata } from "../../../../layers/Grpc/lane/Metadata.ts"
import { until } from "../../../support/turn.ts"
import { type Any, closeAll, closing, handlers, heard, open } from "./Serving.ts"

afterEach(closeAll)

describe("the lane", () => {
  it("GC7 answers unary calls, with metadata both ways, failures and throws", async () => {
    const { say } = await open()
    const { answer } = await say("hello")
    assert.strictEqual(String(answer), "hello me true")
    const { error } = await say("fail")
    assert.deepStrictEqual([error?.code, error?.details, error?.metadata.get("who")], [9, "no – 50 %", ["me"]])
    const thrown = await say("throw")
    assert.strictEqual(thrown.error?.code, 2) // GC7
  })

  it("GC4 CC8 answers streams of all kinds, in order", async () => {
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
    let [over, begun] = [0, 0]
    const { client, port } = await open(
      {},
      {
        ...handlers,
        say: (call: Any) => call.on("cancelled", () => over++),
        talk: (call: Any) =>
          call
            .once("data", () => begun++)
            .on("cancelled", () => over++)
            .on("data", () => {})
            .on("error", () => {})
      }
    )
    const session = connect(`http://127.0.0.1:${port}`)
    closing.push(() => session.destroy())
    const post = { ":method": "POST", ":path": "/a.B/Say", "content-type": "application/grpc", "grpc-timeout": "50m" }
    const status = await new Promise((resolve) => {
      const asked = session.request(post).on("response", (headers) => resolve(headers["grpc-status"]))
      asked.end(Buffer.from([0, 0, 0, 0, 0])) // its client has no deadline of its own
    })
    assert.strictEqual(status, "4")
    await until(() => over === 1)
    const talk = client["talk"]()
    heard(talk)
    talk.write(Buffer.from("x"))
    await until(() => begun === 1)
    talk.cancel()
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

  it("handlers are told nothing of what is the transport's", () => {
    const of = ["te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "accept-encoding"]
    const metadata = Metadata.from([...of.map((name) => [name, "1"] as const), ["who", "me"]])
    assert.deepStrictEqual(metadata.getMap(), { who: "me" })
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
    const never = { ...post, ":path": "/a.B/Sum", "grpc-timeout": "1x" }
    assert.strictEqual((await ask(never))["grpc-status"], "13")
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
