/** The SDK's topics over a WebSocket, on a node over memory twins, and what of it browsers have instead. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Proto from "../../../proto/generated/herald/topics/v1/topics.ts"
import { CurrentIdentity, system } from "../../../src/access/Identity.ts"
import * as Node from "../../../src/client/Platform.ts"
import * as Platform from "../../../src/client/PlatformWeb.ts"
import { dial } from "../../../src/client/topics/DialWeb.ts"
import * as Shim from "../../../src/client/topics/ProtoWeb.ts"
import { type TopicBatch, TopicError, Topics } from "../../../src/client/topics/Web.ts"
import { Publishing } from "../../../src/topics/Publishing.ts"
import { openHttp } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
const all: Array<Topics> = []
const topicsOf = (token = door.token, address = `http://127.0.0.1:${door.port}`) => {
  const made = new Topics({ address, token, reconnect: { baseMillis: 5, capMillis: 20 } })
  all.push(made)
  return made
}
let count = 0
const topic = async (partitions = 1) => {
  const name = `w/${count++}`
  assert.strictEqual((await door.call("POST", "/v1/topics", { name, partitions })).status, 201)
  return name
}
beforeAll(async () => {
  door = await openHttp()
})
afterEach(async () => {
  for (const one of all.splice(0)) await one.close()
})
afterAll(() => door.close())

describe("topics over a WebSocket", () => {
  it("XB2, XB3 publishes and reads: what was given arrives, bytes and texts", async () => {
    const topic_ = topicsOf().topic(await topic())
    const bytes = Uint8Array.from([0, 255, 1, 128])
    await topic_.publish([
      { key: "k", payload: bytes, headers: { a: "ä" }, time: 12 },
      { payload: '{"a":1.50,\n"b":"\\u0041"}' },
      { payload: "\u0000x" },
      { json: { n: 1 } }
    ])
    const reader = topic_.subscribe({ from: "earliest" })
    const batch = (await reader.next()).value as TopicBatch
    assert.deepStrictEqual([...batch.events[0]!.payload], [...bytes])
    assert.deepInclude({ ...batch.events[0]!.headers }, { a: "ä" })
    assert.strictEqual(batch.events[0]!.key, "k")
    assert.strictEqual(batch.events[0]!.time, 12)
    assert.deepStrictEqual(
      batch.events.slice(1).map((event) => event.text()),
      ['{"a":1.50,\n"b":"\\u0041"}', "\u0000x", '{"n":1}']
    )
    assert.isAbove(batch.events[3]!.publishedAt, 1_000_000_000_000)
  })

  it("QN1 partitions that offsets leave out begin with what is new, as over gRPC", async () => {
    const topic_ = topicsOf().topic(await topic(2))
    const [old] = await topic_.publish([{ payload: "old" }], { partition: 0 })
    const begun = await topic_.publish([{ payload: "a" }], { partition: 1 })
    const { partition, epoch, offset } = begun[0]!
    const reader = topic_.subscribe({ from: { offsets: [{ partition, epoch, offset: offset! }] } })
    assert.strictEqual(((await reader.next()).value as TopicBatch).events[0]!.text(), "a")
    await topic_.publish([{ payload: "new" }], { partition: 0 })
    const batch = (await reader.next()).value as TopicBatch
    assert.deepStrictEqual([old!.offset, batch.partition, batch.events.map((one) => one.text())], [0, 0, ["new"]])
  })

  it("QP1 produces in order, each event once", async () => {
    const name = await topic(3)
    const producer = await topicsOf().topic(name).producer({ id: "p" })
    const sent = Array.from({ length: 400 }, (_, n) => producer.send([{ key: `k${n % 7}`, json: n }]))
    const placed = await Promise.all(sent)
    assert.isTrue(placed.flat().every(({ duplicate }) => !duplicate))
    const reader = topicsOf().topic(name).subscribe({ from: "earliest" })
    const got: Array<number> = []
    const byKey = new Map<string, number>()
    for await (const { events } of reader) {
      for (const event of events) {
        const n = event.json<number>()
        assert.isAbove(n, byKey.get(event.key) ?? -1)
        byKey.set(event.key, n)
        got.push(n)
      }
      if (got.length === 400) break
    }
    assert.strictEqual(new Set(got).size, 400)
    await topicsOf().topic(name).producer({ id: "p" })
    await producer.send([{ json: 1 }]).then(
      () => assert.fail("it was fenced"),
      (error) => assert.strictEqual(error.code, "HRLD-2074")
    )
  })

  it("XB4 grants no more while the application does not read, and all of it comes", async () => {
    const name = await topic()
    const topic_ = topicsOf().topic(name)
    const reader = topic_.subscribe({ from: "earliest" })
    const text = "x".repeat(100_000)
    const publishing = await door.runtime.runPromise(Publishing)
    for (let n = 0; n < 40; n++) {
      const payload = Buffer.from(JSON.stringify({ n, text }))
      const events = [{ key: null, payload, eventTime: null, headers: new Map<string, string>() }]
      await door.runtime.runPromise(
        Effect.provideService(publishing.publish({ topic: name, events }), CurrentIdentity, system)
      )
    }
    let n = 0
    for await (const { events } of reader) {
      for (const event of events) assert.strictEqual(event.json<{ n: number }>().n, n++)
      if (n === 40) break
    }
  })

  it("BX41 XB2 tells what became of the events that its filter looked at", async () => {
    const its = topicsOf().topic(await topic())
    await its.publish([{ json: { n: 1 } }, { json: { n: 5 } }, { json: {} }])
    const told: Array<unknown> = []
    const reader = its.subscribe({ from: "earliest", filter: "n > 2", onFiltered: (figures) => told.push(figures) })
    assert.lengthOf((await reader.next()).value!.events, 1)
    const rest = reader.next()
    await waitUntil("the figures", () => told.length > 0)
    assert.deepStrictEqual(told, [{ looked: 3, matched: 1, missing: 1, failed: 0, costly: 0, missingField: "n" }])
    await reader.close()
    await rest.catch(() => {})
  })

  it("ZR1, XB5 goes on after a lost socket where it was", async () => {
    const own = await openHttp()
    const topics = topicsOf(own.token, `http://127.0.0.1:${own.port}`)
    assert.strictEqual((await own.call("POST", "/v1/topics", { name: "t" })).status, 201)
    const lost: Array<number> = []
    const reader = topics.topic("t").subscribe({ from: "earliest", onReconnect: ({ status }) => lost.push(status) })
    await topics.topic("t").publish([{ json: 1 }])
    assert.lengthOf((await reader.next()).value!.events, 1)
    const next = reader.next()
    await own.close()
    await waitUntil("a lost socket", () => lost.length > 0)
    assert.strictEqual(lost[0], 14)
    await reader.close()
    assert.isTrue((await next).done)
  })

  it("QL2 ends for good for what another try can't change", async () => {
    const reader = topicsOf().topic("no/such").subscribe()
    const error = await reader.next().then(
      () => undefined,
      (error) => error
    )
    assert.instanceOf(error, TopicError)
    assert.strictEqual(error.status, 5)
    const stranger = topicsOf("hrld_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb").topic("x").subscribe()
    assert.strictEqual((await stranger.next().catch((error) => error)).status, 16)
    assert.throws(() => new Topics({ address: "http://user:secret@x" }), /address/)
    assert.throws(() => dial({ address: "localhost:50051" }), /https/)
  })
})

describe("in a browser's place", () => {
  it("XB1 the protocol's names have the values that the protocol gives them", () => {
    const pairs: ReadonlyArray<readonly [object, object]> = [
      [Shim.AnswerKind, Proto.AnswerKind],
      [Shim.Overflow, Proto.Overflow],
      [Shim.SubscriptionType, Proto.SubscriptionType]
    ]
    for (const [its, theirs] of pairs) assert.deepStrictEqual({ ...its }, { ...theirs })
  })

  it("XB2 bytes and texts are the same as on Node", () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, n) => (n * 7) & 255)
    assert.strictEqual(Platform.toBase64(bytes), Node.toBase64(bytes))
    assert.deepStrictEqual([...Platform.fromBase64(Node.toBase64(bytes))], [...bytes])
    assert.deepStrictEqual([...Platform.bufferOf("ä€😀")], [...Node.bufferOf("ä€😀")])
    assert.strictEqual(Platform.bytesOf("ä€😀"), Node.bytesOf("ä€😀"))
    assert.match(Platform.unique(), /^[0-9a-f]{12}$/)
  })
})
