import { Code, ConnectError } from "@connectrpc/connect"
import { assert, describe, it } from "vitest"
import { ConnectCall } from "../../../../layers/Grpc/connect/ConnectCall.ts"
import { BYTES, type CallStatus, type Handler } from "../../../../src/edge/grpc/ServerCall.ts"
import { turn } from "../../../support/turn.ts"

const make = (admits = true) => {
  const abort = new AbortController()
  const codes: Array<number> = []
  const defects: Array<unknown> = []
  const heard: Array<string> = []
  const call = new ConnectCall(
    "/a.B/C",
    {
      ...{ protocolName: "connect", signal: abort.signal, timeoutMs: () => undefined, responseHeader: new Headers() },
      requestHeader: new Headers({ "x-api-key": "key", "trace-bin": "YQ,Yg" })
    },
    {
      ...{ peer: { address: "unknown", port: undefined }, host: "", certificate: () => undefined },
      admit: (begin) => {
        if (admits) begin()
        return admits
      },
      onStatus: (code) => void codes.push(code),
      onDefect: (error) => void defects.push(error)
    }
  )
  const listener = {
    message: (bytes: Buffer) => void heard.push(`message ${bytes}`),
    end: () => void heard.push("end"),
    over: () => void heard.push("over")
  }
  const reading: Handler = (its) => {
    its.hear(listener)
    its.read()
  }
  return { call, abort, codes, defects, heard, listener, reading }
}
const bytes = Buffer.from("hello")
const failed = async (asked: Promise<unknown>) => {
  try {
    await asked
  } catch (error) {
    return error as ConnectError
  }
  return assert.fail("it did not fail")
}
const status: CallStatus = { code: 9, details: "why", trailers: { "herald-code": "HRLD-1", many: ["a", "b"] } }

describe("ConnectCall", () => {
  it("CJ1 is read once its handler wants that, and a call that is ended before is never read", async () => {
    const { call, listener } = make()
    let isRead = false
    const served = call
      .serve((its) => its.hear(listener))
      .then(() => {
        isRead = true
      })
    await turn()
    assert.isFalse(isRead)
    call.read()
    await served

    const refused = make()
    const error = await failed(refused.call.serve((its) => its.end(status)))
    assert.deepStrictEqual([error.code, error.rawMessage], [9, "why"])
    assert.strictEqual(error.metadata.get("herald-code"), "HRLD-1")
    assert.strictEqual(error.metadata.get("many"), "a, b")
    assert.deepStrictEqual(refused.codes, [9])
  })

  it("D6 is refused where too many wait for their turn", async () => {
    const { call, reading } = make(false)
    assert.strictEqual((await failed(call.serve(reading))).code, Code.Unavailable)
  })

  it("G13 hears its message and its end one after the other, each when it was asked for", async () => {
    const { call, reading, heard } = make()
    await call.serve(reading)
    const answers = call.answers(bytes)
    const first = answers.next()
    await turn()
    assert.deepStrictEqual(heard, ["message hello"])
    call.read()
    assert.deepStrictEqual(heard, ["message hello", "end"])
    call.read()
    call.send(bytes)
    assert.deepStrictEqual((await first).value, bytes)
    assert.deepStrictEqual(heard, ["message hello", "end"])
  })

  it("CJ2 ends once, with what it was ended with, and tells its listener once that it is over", async () => {
    const { call, reading, heard, codes, abort } = make()
    await call.serve(reading)
    const answers = call.answers(bytes)
    const first = answers.next()
    call.send(bytes)
    call.end(status)
    call.end({ code: 0, details: "OK" })
    assert.isFalse(call.send(bytes))
    assert.deepStrictEqual((await first).value, bytes)
    assert.strictEqual((await failed(answers.next())).code, 9)
    abort.abort()
    await turn()
    assert.deepStrictEqual(heard, ["message hello", "over"])
    assert.deepStrictEqual(codes, [9])
  })

  it("CJ2 is over when its client leaves, while its handler works, and when its time is up", async () => {
    for (const [reason, code] of [
      [undefined, Code.Canceled],
      [new ConnectError("late", Code.DeadlineExceeded), Code.DeadlineExceeded]
    ] as const) {
      const { call, reading, heard, abort, codes } = make()
      await call.serve(reading)
      const asked = call.answer(bytes)
      abort.abort(reason)
      assert.strictEqual((await failed(asked)).code, code)
      await turn()
      assert.deepStrictEqual(heard, ["message hello", "over"])
      assert.deepStrictEqual(codes, [code])
      const late: Array<string> = []
      call.hear({ message: () => {}, end: () => {}, over: () => void late.push("over") })
      await turn()
      assert.deepStrictEqual(late, ["over"])
    }
  })

  it("CJ2 a handler that throws fails its call alone, and one that answers nothing is not taken for one that does", async () => {
    const thrown = make()
    const error = await failed(
      thrown.call.serve(() => {
        throw new Error("secret")
      })
    )
    assert.deepStrictEqual([error.code, error.message.includes("secret")], [Code.Internal, false])
    assert.strictEqual(thrown.defects.length, 1)

    const listening = make()
    await listening.call.serve((its) => {
      its.hear({
        ...listening.listener,
        message: () => {
          throw new Error("secret")
        }
      })
      its.read()
    })
    assert.strictEqual((await failed(listening.call.answer(bytes))).code, Code.Internal)

    const silent = make()
    await silent.call.serve(silent.reading)
    const asked = silent.call.answer(bytes)
    silent.call.end({ code: 0, details: "OK" })
    assert.strictEqual((await failed(asked)).code, Code.Internal)
  })

  it("CJ3 tells whoever sends to wait while much does, and when nothing does any more", async () => {
    const { call, reading } = make()
    await call.serve(reading)
    const answers = call.answers(bytes)
    const first = answers.next()
    assert.isTrue(call.send(Buffer.alloc(10)))
    await first
    let clear = false
    const told = () => {
      clear = true
    }
    assert.isFalse(call.send(Buffer.alloc(BYTES)))
    call.whenClear(told)
    await answers.next()
    await turn()
    assert.isFalse(clear) // the transport has not taken it yet
    const waiting = answers.next()
    await turn()
    assert.isTrue(clear)
    clear = false
    call.whenClear(told)
    assert.isFalse(clear)
    await turn()
    assert.isTrue(clear)
    call.end({ code: 0, details: "OK" })
    assert.isTrue((await waiting).done)
  })

  it("says what was sent with it", () => {
    const { call } = make()
    assert.deepStrictEqual(call.metadata.get("X-API-Key"), ["key"])
    assert.deepStrictEqual(call.metadata.get("trace-bin").map(String), ["a", "b"])
    assert.deepStrictEqual(call.metadata.get("other"), [])
    assert.deepStrictEqual(call.metadata.getMap()["x-api-key"], "key")
    assert.strictEqual(call.system, "connectrpc")
  })
})
