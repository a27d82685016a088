/** `POST /v1/token` at the routes: what comes of what somebody has. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const call = (method: string, path: string, token: string, body?: unknown) =>
  door.call(method, path, { as: "nobody", headers: { authorization: `Bearer ${token}` }, body })
const key = async (name: string, its: object = {}) => {
  const body = { name, role: "publisher", environments: ["*"], ...its }
  const made = await door.call("POST", "/v1/keys", { as: "admin", body })
  assert.strictEqual(made.status, 201)
  return { id: made.body.key.id as string, token: made.body.token as string }
}
const publish = (token: string, at: string) =>
  call("PUT", `/v1/config/${at}`, token, { value: 1 }).then(({ status, body }) => [status, body?.details?.rule])

describe("/v1/token", () => {
  it("A9 JY2 gives what one may for a quarter of an hour, or less of it, and nothing more", async () => {
    const { id, token } = await key("robot", { keys: ["payments.*"] })
    const same = await call("POST", "/v1/token", token, {})
    assert.strictEqual(same.status, 201)
    const { until, untilTime, token: made, ...its } = same.body
    assert.deepStrictEqual(its, {
      name: "robot",
      keyId: id,
      role: "publisher",
      environments: ["*"],
      keys: ["payments.*"]
    })
    const brief = await call("POST", "/v1/token", token, { lifeMillis: 60_000 })
    assert.strictEqual(until - brief.body.until, 840_000, "the routes' clock stands still")
    assert.strictEqual(Date.parse(untilTime), until)
    assert.deepStrictEqual(await publish(made, "payments.a?environment=staging"), [200, undefined])
    assert.deepStrictEqual(await publish(made, "orders.a?environment=staging"), [403, "keys"])

    const narrow = { lifeMillis: 3_600_000, environments: ["production"], keys: ["payments.db"], kinds: ["config"] }
    const less = await call("POST", "/v1/token", made, narrow)
    assert.strictEqual(less.status, 201)
    assert.isAtMost(less.body.until, until, "no longer than what it is made of")
    assert.deepStrictEqual(await publish(less.body.token, "payments.db?environment=production"), [200, undefined])
    assert.deepStrictEqual(await publish(less.body.token, "payments.db?environment=staging"), [403, "environment"])
    assert.deepStrictEqual(await publish(less.body.token, "payments.a?environment=production"), [403, "keys"])
    const self = await call("GET", "/v1/access/whoami", less.body.token)
    assert.deepInclude(self.body, { name: "robot", keyId: id, by: "token", until: less.body.until, kinds: ["config"] })

    for (const [rule, wider] of [
      ["role", { role: "admin" }],
      ["role", { role: "viewer" }], // who reads the audit log
      ["keys", { keys: ["*"] }],
      ["kinds", { kinds: ["config", "flag"] }],
      ["environment", { environments: ["*"] }]
    ] as const) {
      const refused = await call("POST", "/v1/token", less.body.token, wider)
      assert.deepStrictEqual([refused.status, refused.body.code, refused.body.details.rule], [403, "HRLD-3002", rule])
    }
  })

  it("JY2 refuses what is no life and no grant, and a body of nobody is not read", async () => {
    const { token } = await key("other")
    for (const body of [
      { lifeMillis: 3_600_001 },
      { lifeMillis: 999 },
      { lifeMillis: 1_000.5 },
      { environments: [] },
      { keys: ["a*"] },
      { keys: [] },
      { kinds: ["config", "config"] },
      { role: "owner" },
      { name: "admin" }
    ]) {
      const answer = await call("POST", "/v1/token", token, body)
      assert.deepStrictEqual([answer.status, answer.body.code], [400, "HRLD-1001"], JSON.stringify(body))
    }
    const nobody = await door.call("POST", "/v1/token", { as: "nobody", body: "{ no JSON" })
    assert.deepStrictEqual([nobody.status, nobody.body.code], [401, "HRLD-3001"])
  })

  it("JY1 JY2 nothing of it can be changed, and it ends with its key", async () => {
    const { id, token } = await key("ends")
    const made: string = (await call("POST", "/v1/token", token, { role: "subscriber" })).body.token
    const [said = "", mark = ""] = made.slice("hrst_".length).split(".")
    const wider = Buffer.from(said, "base64url").toString("utf8").replace("subscriber", "admin")
    const forged = `hrst_${Buffer.from(wider).toString("base64url")}.${mark}`
    assert.strictEqual((await call("GET", "/v1/access/whoami", forged)).status, 401)
    assert.strictEqual((await call("GET", "/v1/access/whoami", made)).status, 200)
    await door.call("DELETE", `/v1/keys/${id}`, { as: "admin" })
    const gone = await call("GET", "/v1/access/whoami", made)
    assert.deepStrictEqual([gone.status, gone.body.code], [401, "HRLD-3001"])
    assert.strictEqual((await call("POST", "/v1/token", made, {})).status, 401)
  })
})
