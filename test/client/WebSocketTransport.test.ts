/** The SDK over the WebSocket, against a node over memory twins: Node's own WebSocket is the same as a browser's. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { ConnectOptions } from "../../src/client/Options.ts"
import { endedOf } from "../../src/client/StreamJson.ts"
import type { Ended } from "../../src/client/Transport.ts"
import { HeraldClient } from "../../src/client/Web.ts"
import { WebSocketTransport } from "../../src/client/WebSocketTransport.ts"
import { openHttp } from "../support/WebSockets.ts"
import { waitUntil } from "../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
const clients: Array<HeraldClient> = []
const connect = async (service: string, options: Partial<ConnectOptions> = {}) => {
  const client = await HeraldClient.connect({
    ...{ address: `http://127.0.0.1:${door.port}`, service, token: () => door.token },
    ...{ reconnect: { baseMillis: 20, capMillis: 200 }, logger: () => {} },
    ...options
  })
  clients.push(client)
  return client
}
const put = async (key: string, value: unknown) => {
  const answer = await door.call("PUT", `/v1/config/${key}?environment=production`, { value })
  assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
}
const listed = async (service: string) =>
  (await door.call("GET", `/v1/clients?environment=production&service=${service}`)).body.clients

beforeAll(async () => {
  door = await openHttp()
})
afterEach(() => Promise.all(clients.splice(0).map((one) => one.close())))
afterAll(() => door.close())

describe("the SDK over a WebSocket", () => {
  it("XW2 has values, follows them by deltas, answers, and a hook refuses", async () => {
    const long = "x".repeat(2_000)
    await put("shop", { n: 1, long })
    const client = await connect("shop", { waitForSync: true })
    assert.deepStrictEqual(client.get("shop"), { n: 1, long })
    assert.strictEqual(client.state, "live")
    client.watch<{ n: number }>("shop", { validate: ({ n }) => n < 3 || "n is too large" })
    await put("shop", { n: 2, long })
    await waitUntil("the change", () => client.get<{ n: number }>("shop").n === 2)
    await put("shop", { n: 3, long })
    const [its] = await waitUntil("a refusal", async () => {
      const found = await listed("shop")
      return (found[0]?.keys[0]?.rejected?.reason ?? "").includes("n is too large") ? found : undefined
    })
    assert.strictEqual(its.keys[0].applied.version, 2)
    assert.strictEqual(client.get<{ n: number }>("shop").n, 2)
  })

  it("XW4 reports health, and says that it can't when it is not connected", async () => {
    const client = await connect("sick")
    assert.isTrue(await client.reportHealth("degraded", "slow", { p99: 5 }))
    await waitUntil("its health", async () => (await listed("sick"))[0]?.health?.health === "degraded")
    const away = await connect("away", { address: "http://127.0.0.1:1", defaults: { away: 1 } })
    assert.strictEqual(away.get("away"), 1)
    const failed = await away.reportHealth("healthy").then(() => undefined, String)
    assert.match(failed ?? "", /not taken/)
  })

  it("XW3 comes back with another token each time, and goes on", async () => {
    await put("again", 1)
    const { token, key } = await door.mint("again", "subscriber")
    let given = token
    const states: Array<string> = []
    const client = await connect("again", { token: () => given, onStateChange: (state) => states.push(state) })
    assert.strictEqual(client.get("again"), 1)
    given = door.token
    await door.call("DELETE", `/v1/keys/${key.id}`)
    await waitUntil("it was away", () => states.some((state) => state === "stale" || state === "failed"))
    await put("again", 2)
    await waitUntil("the newest", () => client.get("again") === 2 && client.state === "live")
  })

  it("XW3 a wrong token is a failure that says so, and the token is in no text", async () => {
    const secret = "hrld_0123456789abcdef_0123456789abcdef"
    const failed = await connect("none", { token: secret, connectTimeoutMillis: 5_000 }).then(
      () => undefined,
      (error: Error & { readonly code?: string }) => error
    )
    assert.strictEqual(failed?.code, "HRLD-3001")
    assert.notInclude(String(failed), secret)
  })

  it("XW3 a ticket of the server opens it, one for each connection", async () => {
    await put("paged", 1)
    const tickets: Array<string> = []
    const client = await connect("paged", {
      token: async () => {
        const { body } = await door.call("POST", "/v1/stream/ticket")
        tickets.push(body.ticket)
        return body.ticket
      }
    })
    assert.strictEqual(client.get("paged"), 1)
    assert.strictEqual(tickets.length, 1)
  })

  it("XW2 has the flags that it asks for", async () => {
    const made = await door.call("PUT", "/v1/flags/checkout?environment=production", {
      value: { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "on" }
    })
    assert.strictEqual(made.status, 200)
    const client = await connect("flagged", { flags: true })
    await waitUntil("a flag", () => client.flags.held("checkout"))
    assert.deepInclude(client.flags.held("checkout")?.said as object, { defaultVariant: "on" })
  })

  it("XW2 who is told to stay away does, and who is refused or asked to wait knows it, with the code", async () => {
    const first = { serviceName: "same", instanceId: "i", control: true }
    const opened = () => {
      const transport = new WebSocketTransport({ address: `http://127.0.0.1:${door.port}`, token: door.token })
      const ends: Array<Ended> = []
      const heard: Array<number> = []
      transport.open(SubscribeRequest.fromPartial(first), {
        message: ({ kind }) => void heard.push(kind),
        writable: () => {},
        ended: (ended) => void ends.push(ended)
      })
      return { transport, ends, synced: waitUntil("a sync", () => heard.includes(2)) }
    }
    const one = opened()
    await one.synced
    const other = opened()
    await other.synced
    await waitUntil("its end", () => one.ends.length === 1)
    assert.deepInclude(one.ends[0], { code: "HRLD-5002", status: 10, hopeless: true, reconnectAfterMillis: undefined })
    other.transport.close()
    const { problem } = { problem: { code: "HRLD-1", status: 8, detail: "wait", retryAfterMs: 40 } }
    assert.deepStrictEqual(endedOf({ problem }), {
      ...{ code: "HRLD-1", status: 8, message: "wait", hopeless: false, reconnectAfterMillis: 40 }
    })
  })

  it("XW5 what comes while its stream is held is heard afterwards, in its order", async () => {
    await put("held", 1)
    const transport = new WebSocketTransport({ address: `http://127.0.0.1:${door.port}`, token: door.token })
    const heard: Array<string> = []
    const first = { serviceName: "held", instanceId: "i", control: false }
    const stream = transport.open(SubscribeRequest.fromPartial(first), {
      message: ({ content }) => void heard.push(Buffer.from(content).toString()),
      writable: () => {},
      ended: () => {}
    })
    await waitUntil("its value", () => heard.length === 1)
    stream.hold(true)
    await put("held", 2)
    const client = await connect("held")
    await waitUntil("it was sent to others", () => client.get("held") === 2)
    await put("held", 3)
    await waitUntil("it was sent to others", () => client.get("held") === 3)
    assert.deepStrictEqual(heard, ["1"])
    stream.hold(false)
    await waitUntil("the newest", () => heard.at(-1) === "3")
    transport.close()
    assert.isFalse(stream.send(SubscribeRequest.fromPartial({ heartbeat: true })))
  })
})
