/** What every door says of a topic that is not there, and of a place that is none, on a node over memory twins. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { TopicError, Topics } from "../../src/client/HeraldClient.ts"
import { openBoth } from "../support/BothDoors.ts"
import { openHttp, SocketClient } from "../support/WebSockets.ts"

let both: Awaited<ReturnType<typeof openBoth>>
let http: Awaited<ReturnType<typeof openHttp>>
const all: Array<{ readonly close: () => Promise<void> }> = []

beforeAll(async () => {
  ;[both, http] = await Promise.all([openBoth(), openHttp()])
  for (const call of [http.call, (method: string, path: string, body: unknown) => both.call(method, path, { body })])
    assert.strictEqual((await call("POST", "/v1/topics", { name: "shop/orders" })).status, 201)
})
afterAll(async () => {
  for (const one of all) await one.close()
  await both.close()
  await http.close()
})

const overGrpc = () => {
  const token = both.metadataOf("admin").get("authorization")[0]!.toString().replace("Bearer ", "")
  const topics = new Topics({ address: `127.0.0.1:${both.port}`, token, reconnect: { baseMillis: 1 } })
  all.push(topics)
  return topics
}
const thrown = async (work: () => Promise<unknown>): Promise<TopicError> => {
  const error = await work().catch((it: unknown) => it)
  assert.instanceOf(error, TopicError)
  return error as TopicError
}
/** Of the first event of a stream of server-sent events that is told, or of the answer. */
const sse = async (path: string): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${http.port}${path}`, {
    headers: { authorization: `Bearer ${http.token}` }
  })
  return /HRLD-\d{4}/.exec(await answer.text())?.[0] ?? `${answer.status}`
}
const socket = async (message: object): Promise<string> => {
  const client = new SocketClient(http.port, http.token)
  await client.until("welcome")
  client.say({ id: "a", ...message })
  const { problem } = await client.until("failed", "a")
  client.socket.close()
  return problem.code
}

describe("at every door", () => {
  const doors: ReadonlyArray<readonly [string, (topic: string) => Promise<string>]> = [
    ["GET", async (t) => (await http.call("GET", `/v1/topics/${t}`)).body.code],
    ["stats", async (t) => (await http.call("GET", `/v1/topics/${t}/stats`)).body.code],
    ["a page", async (t) => (await http.call("GET", `/v1/topics/${t}/events`)).body.code],
    [
      "publishing",
      async (t) => (await http.call("POST", `/v1/topics/${t}/events`, { events: [{ value: 1 }] })).body.code
    ],
    ["server-sent events", (t) => sse(`/v1/topics/${t}/stream`)],
    ["a WebSocket that reads", (t) => socket({ type: "read", topic: decodeURIComponent(t) })],
    [
      "a WebSocket that publishes",
      (t) => socket({ type: "publish", topic: decodeURIComponent(t), events: [{ value: 1 }] })
    ],
    ["a subscription", async (t) => (await http.call("GET", `/v1/subscriptions/${t}/billing`)).body.code],
    [
      "dead letters of a new subscription",
      async (t) => {
        const body = { topic: "shop/orders", name: "d", type: "shared", deadLetterTopic: decodeURIComponent(t) }
        return (await http.call("POST", "/v1/subscriptions", body)).body.code
      }
    ],
    [
      "gRPC, publishing",
      async (t) =>
        (
          await thrown(() =>
            overGrpc()
              .topic(decodeURIComponent(t))
              .publish([{ json: 1 }])
          )
        ).code
    ],
    [
      "gRPC, reading",
      async (t) => (await thrown(() => overGrpc().topic(decodeURIComponent(t)).subscribe().next())).code
    ],
    [
      "gRPC, consuming",
      async (t) => (await thrown(() => overGrpc().topic(decodeURIComponent(t)).consume("b").next())).code
    ]
  ]
  for (const [door, ask] of doors)
    it(`TZ3 a topic that is not there is one error: ${door}`, async () => {
      assert.strictEqual(await ask("shop%2Fnothing"), "HRLD-2077")
    })

  it("TK3 a place beyond the end, or of an epoch that there never was, is one error: a page, a stream, a subscription", async () => {
    const { body } = await http.call("POST", "/v1/topics/shop%2Forders/events", { events: [{ value: 1 }] })
    const { partition, epoch } = body.placed[0]
    const id = (offset: number, of = epoch) => `shop/orders:${partition}:${of}:${offset}`
    for (const from of [id(900), id(0, epoch + 1_000), id(0, 1)]) {
      const asked = encodeURIComponent(from)
      const said = [
        (await http.call("GET", `/v1/topics/shop%2Forders/events?from=${asked}`)).body.code,
        await sse(`/v1/topics/shop%2Forders/stream?from=${asked}`),
        await socket({ type: "read", topic: "shop/orders", from }),
        (await http.call("POST", "/v1/subscriptions", { topic: "shop/orders", name: "s", type: "shared", from })).body
          .code
      ]
      assert.deepStrictEqual(said, ["HRLD-1080", "HRLD-1080", "HRLD-1080", "HRLD-1080"], from)
    }
    const placed = await overGrpc()
      .topic("shop/orders")
      .publish([{ json: 1 }])
    const { partition: at, epoch: its } = placed[0]!
    const reader = overGrpc()
      .topic("shop/orders")
      .subscribe({ from: `shop/orders:${at}:${its}:900` })
    assert.strictEqual((await thrown(() => reader.next())).code, "HRLD-1080")
  })
})
