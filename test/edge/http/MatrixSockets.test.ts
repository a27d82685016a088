/** Every WebSocket that the server opens, by every role and grant, and by whoever is nobody. As Matrix.test.ts for the routes. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { decide, type Grant } from "../../../src/access/Decision.ts"
import { type Identity, type Permission, roles } from "../../../src/access/Identity.ts"
import { openHttp, SocketClient } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

/** The side that a grant may be narrowed to is `market-data/normalized/mine`, and `mine.k` of configuration. */
const sides = ["mine", "other"] as const
type Side = (typeof sides)[number]
const topicOf = (side: Side) => `market-data/normalized/${side}`
const keyOf = (side: Side) => `${side}.k`

interface Asked {
  readonly permission: Permission
  readonly message: (side: Side, id: string) => object
}
/** What a client may say over a WebSocket, and which right that takes. */
interface Row {
  readonly hello: (token: string) => object
  readonly asks: Readonly<Record<string, Asked>>
}
const topics = (token: string) => ({ type: "hello", token })
const market: Row = {
  hello: topics,
  asks: {
    subscribe: {
      permission: "topics.read",
      message: (side, id) => ({ type: "subscribe", payload: { id, topics: [topicOf(side)] } })
    }
  }
}
const rows: Readonly<Record<string, Row>> = {
  "/v1/stream": {
    hello: (token) => ({ hello: { token } }),
    asks: {
      subscribe: {
        permission: "subscribe",
        message: (side, id) => ({
          subscribe: { serviceName: "matrix", instanceId: id, environment: "production", keys: [keyOf(side)] }
        })
      }
    }
  },
  "/v1/topics/stream": {
    hello: topics,
    asks: {
      read: { permission: "topics.read", message: (side, id) => ({ type: "read", id, topic: topicOf(side) }) },
      publish: {
        permission: "topics.publish",
        message: (side, id) => ({ type: "publish", id, topic: topicOf(side), events: [{ value: 1 }] })
      },
      open: {
        permission: "topics.publish",
        message: (side, id) => ({ type: "open", id, topic: topicOf(side), producer: id })
      },
      consume: {
        permission: "topics.consume",
        message: (side, id) => ({ type: "consume", id, topic: topicOf(side), subscription: "s" })
      }
    }
  },
  "/v1/market-data/stream": market,
  "/api/v1/market-data/stream": market
}

const scopes: Readonly<Record<string, Omit<Grant, "role">>> = {
  "": { environments: ["*"] },
  " in production": { environments: ["production"] },
  " in staging": { environments: ["staging"] },
  " of mine": { environments: ["*"], keys: ["mine.*"], topics: [topicOf("mine")] },
  " of flags": { environments: ["*"], kinds: ["flag"] }
}

let door: Awaited<ReturnType<typeof openHttp>>
const known: Array<{ readonly identity: Identity; readonly token: string }> = []
const made = async (body: object): Promise<string> => {
  const { status, body: answer } = await door.call("POST", "/v1/keys", body)
  assert.strictEqual(status, 201, JSON.stringify(answer))
  return answer.token
}
const exchanged = async (token: string, wanted: object): Promise<string> =>
  (await door.call("POST", "/v1/token", { lifeMillis: 60_000, ...wanted }, token)).body.token

beforeAll(async () => {
  door = await openHttp()
  for (const role of roles)
    for (const [scope, its] of Object.entries(scopes)) {
      const identity = { name: `${role}${scope}`, keyId: "k", role, ...its }
      known.push({ identity, token: await made({ name: `m${known.length}`, role, ...its }) })
    }
  const narrow = { role: "subscriber", ...scopes[" of mine"]! } as const
  const token = await exchanged(door.token, narrow)
  known.push({ identity: { name: "a service token that may less", keyId: "k", ...narrow }, token })
  for (const side of sides) {
    const put = await door.call("PUT", `/v1/config/${keyOf(side)}?environment=production`, { value: 1 })
    assert.strictEqual(put.status, 200)
    assert.strictEqual((await door.call("POST", "/v1/topics", { name: topicOf(side) })).status, 201)
    const subscribed = await door.call("POST", "/v1/subscriptions", { topic: topicOf(side), name: "s" })
    assert.include([200, 201], subscribed.status, JSON.stringify(subscribed.body))
  }
})
afterAll(() => door.close())

let instances = 0
/** What it is told of what it asks: that it may not, or anything else. */
const ask = async (path: string, token: string, { message }: Asked, side: Side): Promise<string> => {
  const client = new SocketClient(door.port, undefined, path)
  await waitUntil("an open socket", () => client.socket.readyState !== 0)
  const id = `i${instances++}`
  client.say(rows[path]!.hello(token))
  client.say(message(side, id))
  const isWelcome = (said: unknown) => /"welcome"/.test(JSON.stringify(said))
  const said = () => client.closed?.reason ?? JSON.stringify(client.said.find((one) => !isWelcome(one)))
  const answer = await waitUntil("an answer", said)
  client.close()
  return /HRLD-3\d{3}/.exec(answer)?.[0] ?? "let in"
}

const expectedOf = (identity: Identity, { permission }: Asked, side: Side): string => {
  const on = permission.startsWith("topics.")
    ? { topic: topicOf(side) }
    : { environment: "production", on: { kind: "config", key: keyOf(side) } as const }
  return decide(identity, { permission, ...on }, 0).may ? "let in" : "HRLD-3002"
}

describe("every WebSocket", () => {
  it("R3 has a row for each that a part of the server opens", () => {
    const why = "a new WebSocket takes a row: what may be said over it, and what right that takes"
    assert.sameMembers(door.sockets, Object.keys(rows), why)
  })

  for (const [path, { asks }] of Object.entries(rows))
    for (const [what, asked] of Object.entries(asks))
      it(`DN1 DN3 KX1 ${path}: who may ${what}`, async () => {
        const took: Record<string, string> = {}
        const expected: Record<string, string> = {}
        const asking = known.flatMap(({ identity, token }) =>
          sides.map((side) => async () => {
            const who = `${identity.name}: ${side}`
            took[who] = await ask(path, token, asked, side)
            expected[who] = expectedOf(identity, asked, side)
          })
        )
        // No address has more than 50 of whom nobody knows yet.
        while (asking.length > 0) await Promise.all(asking.splice(0, 20).map((one) => one()))
        assert.deepStrictEqual(took, expected)
        assert.strictEqual(new Set(Object.values(expected)).size, 2)
      })

  it("YI1 A1 A3 A8 whoever is nobody is told so at each, and nothing else", async () => {
    const of = async (name: string, more: object = {}) => {
      const token = await made({ name, role: "admin", environments: ["*"], ...more })
      return { token, id: token.split("_")[1]! }
    }
    const ends = Date.now() + 1_000
    const [revoked, ended, good] = [await of("revoked"), await of("ended", { expiresAt: ends + 500 }), await of("good")]
    const [ofRevoked, short] = [await exchanged(revoked.token, {}), await exchanged(good.token, { lifeMillis: 1_000 })]
    assert.strictEqual((await door.call("DELETE", `/v1/keys/${revoked.id}`)).status, 204)
    const [said = "", mark = ""] = (await exchanged(good.token, {})).split(".")
    await waitUntil("what lasts a while to end", async () => {
      const answers = await Promise.all(
        [ended.token, short].map((one) => door.call("GET", "/v1/access/whoami", undefined, one))
      )
      return answers.every(({ status }) => status === 401)
    })
    const wrongs: Readonly<Record<string, string>> = {
      nothing: "",
      "a guess": `hrld_${"a".repeat(16)}_${"b".repeat(64)}`,
      "a key that was revoked": revoked.token,
      "a key that ended": ended.token,
      "a service token of a revoked key": ofRevoked,
      "a service token that ended": short,
      "a service token with another mark": `${said}.${mark.replace(/^./, (first) => (first === "0" ? "1" : "0"))}`,
      "a JWT with alg none": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
      "a JWT of an issuer that is not trusted": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
    }
    const took: Record<string, unknown> = {}
    const expected: Record<string, unknown> = {}
    for (const [path, { hello }] of Object.entries(rows))
      for (const [what, token] of Object.entries(wrongs)) {
        const client = new SocketClient(door.port, undefined, path)
        await waitUntil("an open socket", () => client.socket.readyState !== 0)
        client.say(hello(token))
        const { code, reason } = await client.ended()
        took[`${path}: ${what}`] = [code, reason.slice(0, 9), client.said]
        expected[`${path}: ${what}`] = [4401, "HRLD-3001", []]
      }
    assert.deepStrictEqual(took, expected)
  })
})
