/** What a real server refuses of topics and of what is published to them. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const eventsOf = async (topic: string, query = "") => {
  const { status, body } = await server.call("GET", `/v1/topics/${topic}/events?limit=1000${query}`)
  assert.strictEqual(status, 200, JSON.stringify(body))
  return body
}
const published = async (topic: string, events: ReadonlyArray<unknown>) =>
  assert.strictEqual((await server.call("POST", `/v1/topics/${topic}/events`, { events })).status, 200)

describe("what is refused of topics", () => {
  it("TV1, TK3 wrong names, events and places are refused with what to do, and nothing of them is kept", async () => {
    const post = (path: string, body: unknown) => server.call("POST", path, body)
    const schema = { type: "object", required: ["n"] }
    assert.strictEqual((await post("/v1/topics", { name: "strict", schema })).status, 201)
    for (const name of ["../etc/passwd", "a//b", "/a", "a/", "", "a b", "a/../b", "a\u0000", "x".repeat(201)]) {
      const { status, body } = await post("/v1/topics", { name })
      assert.deepStrictEqual([status, body.code], [400, "HRLD-1001"], name)
    }
    assert.strictEqual((await server.call("GET", "/v1/topics/..%2F..%2Fetc")).status, 400)
    for (const wrong of [
      { partitions: 0 },
      { partitions: 257 },
      { retention: "7 weeks" },
      { retention: "1s" },
      { log: "rocks" },
      { description: "a\nb" },
      { colour: "red" }
    ]) {
      const { status } = await post("/v1/topics", { name: "wrong", ...wrong })
      assert.strictEqual(status, 400, JSON.stringify(wrong))
    }
    assert.strictEqual((await post("/v1/topics", { name: "wrong", schema: { type: "nonsense" } })).status, 422)
    assert.strictEqual((await server.call("GET", "/v1/topics/wrong")).status, 404)
    assert.strictEqual((await post("/v1/topics", { name: "strict" })).status, 409)

    const events = "/v1/topics/strict/events"
    const large = await post(events, { events: [{ value: { n: "x".repeat(2_000_000) } }] })
    assert.deepStrictEqual([large.status, large.body.code], [422, "HRLD-1070"])
    assert.strictEqual((await post(events, { events: [{ value: { n: "x".repeat(10_000_000) } }] })).status, 413)
    const unfit = await post(events, { events: [{ value: { n: 1 } }, { value: { m: 1 } }] })
    assert.deepStrictEqual([unfit.status, unfit.body.code, unfit.body.details.index], [422, "HRLD-1070", 1])
    for (const body of [
      { events: [] },
      { events: [{ value: { n: 1 }, base64: "" }] },
      { events: [{ base64: "?" }] },
      { events: [{}] },
      {},
      { events: [{ value: { n: 1 }, colour: "red" }] },
      { events: Array.from({ length: 10_001 }, () => ({ value: { n: 1 } })) }
    ])
      assert.include([400, 422], (await post(events, body)).status, JSON.stringify(body).slice(0, 80))
    assert.strictEqual((await post(`${events}?partition=7`, { events: [{ value: { n: 1 } }] })).status, 400)
    assert.strictEqual((await post(`${events}?partition=-1`, { events: [{ value: { n: 1 } }] })).status, 400)
    const stranger = await post(`${events}?producer=p&epoch=1&sequence=1`, { events: [{ value: { n: 1 } }] })
    assert.deepStrictEqual([stranger.status, stranger.body.code], [409, "HRLD-2076"])
    assert.lengthOf((await eventsOf("strict")).events, 0)

    await published("strict", [{ value: { n: 1 } }])
    const [{ id }] = (await eventsOf("strict")).events
    const epoch = id.split(":")[2]
    for (const from of ["-1", "strict:0:1:-1", `strict:1:${epoch}:0`, `other:0:${epoch}:0`, "~x", "yesterday"]) {
      const { status, body } = await server.call("GET", `${events}?from=${encodeURIComponent(from)}`)
      assert.deepStrictEqual([status, body.code], [400, "HRLD-1001"], from)
    }
    for (const from of [`strict:0:${epoch}:2`, `strict:0:${Number(epoch) + 1}:0`]) {
      const { status, body } = await server.call("GET", `${events}?from=${from}`)
      assert.deepStrictEqual([status, body.code], [416, "HRLD-1080"], from)
    }
    assert.lengthOf((await eventsOf("strict", `&from=strict:0:${epoch}:1`)).events, 0)
    for (const query of ["limit=0", "limit=1001", "wait=-1", "wait=60000", "from="])
      assert.strictEqual((await server.call("GET", `${events}?${query}`)).status, 400, query)
    const none = await server.call("GET", "/v1/topics/nowhere/events")
    assert.deepStrictEqual([none.status, none.body.code], [404, "HRLD-2077"])
  })
})
