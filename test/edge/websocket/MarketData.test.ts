/** The WebSocket of market data on a node over memory twins. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { SUBSCRIPTIONS } from "../../../src/edge/websocket/marketdata/Stream.ts"
import { traded } from "../../support/MarketDays.ts"
import { trade } from "../../support/Trades.ts"
import { openHttp, type Said, SocketClient } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const TOPIC = "market-data/normalized/us"
let door: Awaited<ReturnType<typeof openHttp>>
const clients: Array<SocketClient> = []
const client = async (path = "/api/v1/market-data/stream", token = door.token) => {
  const made = new SocketClient(door.port, token, path)
  clients.push(made)
  await waitUntil("an open socket", () => made.socket.readyState !== 0)
  return made
}
const sold = (id: string, price: string, more: object = {}) => ({
  ...{ type: "trade", symbol: "AAPL", exchange: "NASDAQ", id, price, size: "1.50", ts_event: "1769850000000000001" },
  ...more
})
const publish = async (...events: ReadonlyArray<Said>) => {
  const body = { events: events.map((value) => ({ key: value.symbol, value })) }
  const { status } = await door.call("POST", `/v1/topics/${encodeURIComponent(TOPIC)}/events`, body)
  assert.strictEqual(status, 200)
}
const subscribe = (payload: object) => ({ type: "subscribe", payload, timestamp: "2026-11-27T10:00:00Z" })
/** Ticks of a subscription, when there are so many. */
const ticks = (one: SocketClient, id: string, count: number) =>
  waitUntil(`${count} ticks of ${id}`, () => {
    const all = one.said.flatMap(({ type, payload }) =>
      type === "data" && payload.id === id ? (payload.data ?? []) : []
    )
    return all.length >= count && all
  })
const live = (one: SocketClient, id: string) =>
  waitUntil(`${id} to be live`, () => one.said.some(({ payload }) => payload?.id === id && payload.live === true))
const error = (one: SocketClient, id = "") =>
  waitUntil("an error", () => one.said.find(({ type, payload }) => type === "error" && payload.id === id))

beforeAll(async () => {
  door = await openHttp()
  assert.strictEqual((await door.call("POST", "/v1/topics", { name: TOPIC })).status, 201)
})
afterEach(() => {
  for (const one of clients.splice(0)) one.close()
})
afterAll(() => door.close())

describe("the WebSocket of market data", () => {
  it("YM1 YM2 tells each subscription what it asked for, with all digits, and ends it when it is told to", async () => {
    const [one, other] = [await client(), await client("/v1/market-data/stream")]
    one.say(subscribe({ id: "all" }))
    one.say(subscribe({ id: "some", symbols: ["MSFT"], data_types: ["trade"], min_price: 400, max_price: "1000" }))
    other.say(subscribe({}))
    await Promise.all([live(one, "all"), live(one, "some"), live(other, "")])
    await publish(
      sold("a", "187.230000001"),
      sold("b", "420.5", { symbol: "MSFT" }),
      sold("c", "399", { symbol: "MSFT" })
    )
    const [first] = await ticks(one, "all", 3)
    assert.deepInclude(first, { type: "trade", symbol: "AAPL", price: "187.230000001", size: "1.5", id: "a" })
    assert.deepStrictEqual(
      (await ticks(one, "some", 1)).map(({ id }: Said) => id),
      ["b"]
    )
    assert.lengthOf(await ticks(other, "", 3), 3)
    const [data] = one.said.filter(({ type, payload }) => type === "data" && payload.data?.length > 0)
    assert.hasAllKeys(data, ["type", "payload", "timestamp"])
    one.say({ type: "unsubscribe", payload: { id: "all" } })
    one.say({ type: "unsubscribe", payload: { id: "all" } })
    assert.include((await error(one, "all")).payload.problem.detail, "is not subscribed")
    await publish(sold("d", "500", { symbol: "MSFT" }))
    await ticks(one, "some", 2)
    assert.lengthOf(await ticks(one, "all", 3), 3)
  })

  it("YM3 YM4 what can't be is answered by an error, and the rest goes on", async () => {
    const one = await client()
    one.say(subscribe({ id: "right", symbols: ["AAPL"] }))
    await live(one, "right")
    for (const [said, id] of [
      ["no json", ""],
      [{ type: "shout" }, ""],
      [subscribe({ id: "right" }), "right"],
      [subscribe({ id: "symbol", symbols: ["no symbol"] }), "symbol"],
      [subscribe({ id: "kinds", data_types: ["trades"] }), "kinds"],
      [subscribe({ id: "field", symbol: "AAPL" }), "field"],
      [subscribe({ id: "price", min_price: true }), "price"],
      [subscribe({ id: "decimal", min_price: "much" }), "decimal"],
      [{ type: "unsubscribe", payload: { id: "un", all: true } }, "un"],
      [{ type: "subscribe", payload: { id: 7 } }, ""],
      [subscribe({ id: "topic", topics: ["market-data/none"] }), "topic"]
    ] as const) {
      one.said.length = 0
      one.say(said)
      assert.match((await error(one, id)).payload.problem.code, /^HRLD-\d{4}$/)
    }
    for (let n = 1; n <= SUBSCRIPTIONS; n++) one.say(subscribe({ id: `more ${n}` }))
    await error(one, `more ${SUBSCRIPTIONS}`)
    await publish(sold("z", "1"))
    assert.lengthOf(await ticks(one, "right", 1), 1)
  })

  it("MZ7 a symbol of which nothing was told yet is said, by the subscription that named it, and heard of when it comes", async () => {
    await door.runtime.runPromise(traded(TOPIC, [trade({ symbol: "AAPL" })]))
    const one = await client()
    one.say(subscribe({ id: "wrong", symbols: ["AAPL", "APPL"] }))
    const { payload } = await waitUntil("what is not known", () =>
      one.said.find(({ payload }) => payload?.unheard !== undefined)
    )
    assert.deepStrictEqual(payload, { id: "wrong", unheard: ["APPL"] })
    one.say(subscribe({ id: "right", symbols: ["AAPL"] }))
    await Promise.all([live(one, "wrong"), live(one, "right")])
    await publish(sold("x", "1", { symbol: "APPL" }), sold("y", "2"))
    assert.lengthOf(await ticks(one, "wrong", 2), 2)
    await ticks(one, "right", 1)
    assert.lengthOf(
      one.said.filter(({ payload }) => payload?.unheard !== undefined),
      1
    )
  })

  it("YI1 serves nobody without a token that may read topics", async () => {
    const wrong = await client(undefined, "hrld_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert.strictEqual((await wrong.ended()).code, 4401)
    const { token } = await door.mint("elsewhere", "viewer", ["orders/*"])
    const stranger = await client(undefined, token)
    stranger.say(subscribe({ topics: [TOPIC] }))
    assert.strictEqual((await error(stranger)).payload.problem.status, 403)
  })
})
