/** Every field of every gRPC message about topics, with values at and beyond every edge, on a real database: never a fault of the server, never its text. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Door, frame, raw } from "../support/Door.ts"
import { type Server, startServer } from "../support/Server.ts"
import { asked, methods } from "../support/TopicCalls.ts"

const texts = [
  ...["", " ", "\u0000", "a\u0000b", "\u001b[31m", "\u202e", "\ufffe", "..", "/", "'", '"', "__proto__", "*", ".*"],
  ...['a == "\u0000"', "😀", "~0.1.0", "top:0:4294967295:9007199254740991", "x".repeat(5_000)],
  ...["-1", "9223372036854775808", "1e300", "NaN", "{", '{"a":"\\u0000"}']
]
const int32s = [-(2 ** 31), -1, 0, 1, 2 ** 31 - 1]
const uint32s = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const bigs = [0n, 1n, 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]
const all: ReadonlyArray<unknown> = [...texts, ...int32s, ...uint32s, ...bigs, ...bigs.map((big) => -big), true, false]

/** A message with one of its values, at any depth, changed into each that its field takes. */
function* changed(message: unknown): Generator<unknown> {
  if (Array.isArray(message)) {
    for (const [at, one] of message.entries()) for (const other of changed(one)) yield message.with(at, other)
    if (message.length > 0) yield [...message, ...message]
    return
  }
  if (message !== null && typeof message === "object" && !(message instanceof Uint8Array)) {
    for (const [name, one] of Object.entries(message)) {
      if (name === "$case") continue
      // What is left out may be text or a number: what it doesn't take is thrown out where it is encoded.
      const others = one === undefined ? all : changed(one)
      for (const other of others) yield { ...message, [name]: other }
    }
    return
  }
  yield* all.filter((one) => typeof one === typeof message)
}

const full: Readonly<Record<string, object>> = {
  seek: {
    to: { at: { $case: "offsets", value: { offsets: [{ partition: 0, epoch: 1, offset: 0n }], othersEarliest: true } } }
  },
  createSubscription: {
    start: { at: { $case: "timeMs", value: 1n } },
    backoffMs: [1n],
    ...{ filter: "a > 1", maxAttempts: 1, deadLetterTopic: "dead", ackTimeoutMs: 100n, maxInFlight: 1 }
  },
  createTopic: { schema: "true", idempotencyKey: "k", retentionPolicy: "1d" },
  publishStream: {},
  consume: { answers: [], granted: 1n, consumer: "c", life: 1n, receipt: 1n },
  read: { filter: "a > 1", fields: ["a"], start: { $case: "timeMs", value: 1n } },
  streamHistoricalData: { startMs: 1n, endMs: 2n, interval: "1m", session: "all", fill: "none", exchange: "X" },
  streamMarketData: {
    symbols: ["A"],
    dataTypes: [0],
    filter: { exchanges: ["X"], currencies: ["C"], minPrice: "1", maxPrice: "2", minVolume: "1" },
    start: { $case: "positions", value: { positions: [{ topic: "top", partition: 0, epoch: 1, offset: 0n }] } }
  },
  manageSubscription: {
    symbols: ["A"],
    filter: { exchanges: ["X"], currencies: [], minPrice: "1", maxPrice: "", minVolume: "" }
  }
}

let server: Server
beforeAll(async () => {
  server = await startServer({ LIMIT_REQUESTS_PER_SECOND: "1000000", LIMIT_BURST: "1000000" })
  for (const name of ["top", "dead"])
    assert.strictEqual((await server.call("POST", "/v1/topics", JSON.stringify({ name }))).status, 201)
  const made = { topic: "top", name: "s", type: "shared" }
  assert.strictEqual((await server.call("POST", "/v1/subscriptions", JSON.stringify(made))).status, 201)
})
afterAll(() => server[Symbol.asyncDispose]())

const DATABASE = /postgres|\bsql\b|relation "|column "|invalid input|out of range for type|byte sequence|SQLSTATE/i
/** INTERNAL and UNKNOWN. */
const FAULTS = ["2", "13"]

describe("values at the edge of topics", () => {
  it("O2 no field of any message brings a fault of the server or a text of the database", async () => {
    const door = { address: server.grpc, token: server.token } as unknown as Door
    const before = server.output.length
    const odd: Array<string> = []
    let fired = 0
    for (const [name, { request }] of Object.entries(asked)) {
      const { path, requestSerialize } = methods.get(name)!
      const bodies = new Map<string, Buffer>()
      for (const right of [request("top"), { ...request("top"), ...full[name] }])
        for (const one of [right, ...changed(right)])
          try {
            bodies.set(
              JSON.stringify(one, (_, value) => (typeof value === "bigint" ? `${value}` : value)).slice(0, 500),
              requestSerialize(one)
            )
          } catch {
            // Its field takes no such value.
          }
      fired += bodies.size
      const calls = [...bodies]
      for (let i = 0; i < calls.length; i += 10)
        await Promise.all(
          calls.slice(i, i + 10).map(async ([said, body]) => {
            const { grpc, code, message } = await raw(door, path.slice(1), frame(body), {}, true)
            if (
              FAULTS.includes(String(grpc)) ||
              grpc === undefined ||
              DATABASE.test(message.replace("one of postgres, ephemeral, kafka", ""))
            )
              odd.push(`${grpc} ${code} ${message.slice(0, 300)} ${name} ${said.slice(0, 300)}`)
          })
        )
    }
    const errors = server.output
      .slice(before)
      .split("\n")
      .filter((line) => /"level":"error"/.test(line))

    assert.deepStrictEqual(odd, [])
    assert.deepStrictEqual(errors, [])
    assert.isAbove(fired, 500)
  })
})
