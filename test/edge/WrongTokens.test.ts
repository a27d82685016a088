/** That no door makes keyed hashes for an address that was wrong too often, by whichever way a token comes in. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { KeyHash } from "../../src/access/KeyHash.ts"
import { openBoth } from "../support/BothDoors.ts"
import { StreamClient } from "../support/StreamClient.ts"
import { openHttp, SocketClient } from "../support/WebSockets.ts"
import { waitUntil } from "../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
let both: Awaited<ReturnType<typeof openBoth>>
let made = 0
beforeAll(async () => {
  door = await openHttp()
  both = await openBoth()
  const real = await door.runtime.runPromise(KeyHash) // of both
  const { hash } = real
  Object.assign(real, {
    hash: (pepper: string, secret: string) => {
      made++
      return hash(pepper, secret)
    }
  })
})
afterAll(() => Promise.all([door.close(), both.close()]))

/** Another secret of a key that the node knows: what it is asked for at once. */
let secrets = 0
const wrongKey = () => door.token.replace(/_[0-9a-f]{64}$/, `_${String(++secrets).padStart(64, "0")}`)
const wrongMark = (prefix: string) => `${prefix}a${++secrets}.${"f".repeat(64)}`

const http = (path: string, headers: (token: string) => Record<string, string>, body?: string) => async () => {
  const answer = await fetch(`http://127.0.0.1:${door.port}${path}`, {
    headers: { "content-type": "application/json", ...headers(wrongKey()) },
    ...(body === undefined ? {} : { method: "POST", body })
  })
  await answer.text()
  return answer.status
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const ended = async (client: { readonly closed: unknown; readonly close: () => void }) => {
  await waitUntil("the socket to be closed", () => client.closed)
  client.close()
}
const stream =
  (token: () => string, headers: (token: string) => Record<string, string> = () => ({})) =>
  () =>
    ended(new StreamClient(`http://127.0.0.1:${door.port}`, token(), { headers: headers(token()) }))

const EVALUATE = "/ofrep/v1/evaluate/flags"
const EVENTS = "/ofrep/v1/events?environment=production"
const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  "REST, a header": http("/v1/access/whoami", bearer),
  "REST, a service token": http("/v1/access/whoami", () => bearer(wrongMark("hrst_"))),
  "OFREP, one flag": http(`${EVALUATE}/a`, bearer, "{}"),
  "OFREP, one flag, x-api-key": http(`${EVALUATE}/a`, (token) => ({ "x-api-key": token }), "{}"),
  "OFREP, one flag, a service token": http(`${EVALUATE}/a`, () => bearer(wrongMark("hrst_")), "{}"),
  "OFREP, all flags": http(EVALUATE, bearer, "{}"),
  "SSE, a cookie": http("/v1/events?environment=production", (token) => ({ cookie: `herald-token=${token}` })),
  "SSE, a ticket": async () => {
    const ticket = `${"a".repeat(16)}.${++secrets}.${"f".repeat(32)}`
    return (await fetch(`http://127.0.0.1:${door.port}${EVENTS}&ticket=${ticket}`)).status
  },
  "WebSocket, a header": stream(wrongKey, bearer),
  "WebSocket, a hello": stream(wrongKey),
  "WebSocket, a ticket": stream(() => wrongMark("hrtk_")),
  "WebSocket of topics": () => ended(new SocketClient(door.port, wrongKey())),
  "WebSocket of market data": () => ended(new SocketClient(door.port, wrongKey(), "/v1/market-data/stream"))
}

/** What is made for one, with a look before. */
const EACH = 2
/** Of API keys, and of what has a mark: how many come back in a second, how many are asked for, and since when none was left. */
const KEYS = { perSecond: 1, attempts: 12, since: 0 }
const MARKS = { perSecond: 100, attempts: 300, since: 0 }

const holds = async (ask: () => Promise<unknown>, of: typeof KEYS) => {
  const { perSecond, attempts, since } = of
  const before = made
  for (let done = 0; done < attempts; done += 10)
    await Promise.all(Array.from({ length: Math.min(10, attempts - done) }, ask))
  of.since = performance.now()
  const most = EACH * (1 + (perSecond * (of.since - since)) / 1_000)
  assert.isAtMost(made - before, most)
}

describe("wrong tokens at the doors", () => {
  it("A10 of an address are hashed no more, whatever way they come in by HTTP and WebSocket", async () => {
    const right = async () => (await door.call("GET", "/v1/access/whoami")).status
    assert.strictEqual(await right(), 200)
    const begun = performance.now()
    for (let i = 0; i < 25; i++) await ways["REST, a header"]!()
    for (let i = 0; i < 150; i++) await Promise.all(Array.from({ length: 10 }, ways["REST, a service token"]!))
    assert.isAtLeast(made, 1_020)
    KEYS.since = MARKS.since = begun
    for (const [way, ask] of Object.entries(ways)) {
      await holds(ask, /ticket|service token/.test(way) ? MARKS : KEYS).catch((error: Error) => {
        throw new Error(`${way}: ${error.message}`)
      })
    }
    assert.strictEqual(await right(), 200)
  })

  it("A10 nor by gRPC", async () => {
    const client = both.client()
    const wrong = () =>
      new Promise((resolve) => {
        const metadata = both.metadataOf(
          "nobody",
          bearer(`hrld_${[...both.ids.values()][0]}_${String(++secrets).padStart(64, "0")}`)
        )
        client.publish({ key: "a" } as never, metadata, resolve)
      })
    const since = performance.now()
    for (let i = 0; i < 25; i++) await wrong()
    await holds(wrong, { ...KEYS, attempts: 60, since })
  })
})
