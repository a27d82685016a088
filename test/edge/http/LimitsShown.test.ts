/** What limits whoever asks, over HTTP. */
import { Layer } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  const quotas = { keys: 100, bytes: 1_000_000, of: new Map([["full", { keys: 3 }]]) }
  door = await startRoutes([], {}, undefined, undefined, { known: Layer.empty, quotas })
})
afterAll(() => door.dispose())

const LIMITS = "/v1/limits?environment=production"

describe("/v1/limits", () => {
  it("LX2 EQ2 rates, streams, keys and bytes are told with what is used of them", async () => {
    const before = (await door.call("GET", LIMITS, { as: "admin" })).body
    await door.call("PUT", "/v1/config/limits.shown?environment=production", { as: "admin", body: { value: "four" } })
    const { status, body } = await door.call("GET", LIMITS, { as: "admin" })
    assert.strictEqual(status, 200)
    assert.deepInclude(body, { principal: "admin", environment: "production" })
    assert.deepInclude(body.keys, { used: before.keys.used + 1 })
    assert.deepInclude(body.bytes, { used: before.bytes.used + 4 })
    const [rate] = body.rates
    assert.deepInclude(rate, { limit: "principal", door: null, environment: null })
    assert.isAtMost(rate.left, rate.burst)
    assert.strictEqual(body.streams.ofPrincipal.used, 0)
    assert.isAbove(body.streams.ofEnvironment.limit, 0)
    const other = await door.call("GET", "/v1/limits?environment=empty", { as: "admin" })
    assert.strictEqual(other.body.keys.used, 0)
  })

  it("LT1 who may not read all of an environment is not told what it holds, nor of its streams", async () => {
    for (const its of [{ keys: ["payments.*"] }, { kinds: ["flag"] }]) {
      const made = await door.call("POST", "/v1/keys", {
        as: "admin",
        body: { name: `narrow-${Object.keys(its)[0]}`, role: "publisher", environments: ["production"], ...its }
      })
      const headers = { authorization: `Bearer ${made.body.token}` }
      const { status, body } = await door.call("GET", LIMITS, { as: "nobody", headers })
      assert.strictEqual(status, 200)
      assert.isNull(body.keys.used)
      assert.isNull(body.bytes.used)
      assert.isNull(body.streams.ofEnvironment)
      assert.isAbove(body.keys.limit, 0)
      const foreign = await door.call("GET", "/v1/limits?environment=staging", { as: "nobody", headers })
      assert.strictEqual(foreign.status, 403)
    }
  })

  it("EQ4 LT1 nor by what is refused for want of room, one by one or together", async () => {
    const made = await door.call("POST", "/v1/keys", {
      body: { name: "narrow-full", role: "publisher", environments: ["full"], keys: ["payments.*"] }
    })
    const narrow = { as: "nobody", headers: { authorization: `Bearer ${made.body.token}` } }
    for (const key of ["a", "b", "c"])
      assert.strictEqual(
        (await door.call("PUT", `/v1/config/${key}?environment=full`, { body: { value: 1 } })).status,
        200
      )
    const changes = [{ key: "payments.d", environment: "full", value: 1 }]
    const asks = [
      (who: object) => door.call("PUT", "/v1/config/payments.d?environment=full", { body: { value: 1 }, ...who }),
      (who: object) =>
        door.call("PUT", "/v1/flags/payments.d?environment=full", { body: { value: { enabled: true } }, ...who }),
      (who: object) => door.call("POST", "/v1/releases", { body: { changes }, ...who })
    ]
    for (const ask of asks) {
      const [told, all] = [await ask(narrow), await ask({})]
      assert.deepStrictEqual([told.status, told.body.code], [409, "HRLD-3113"], told.text)
      assert.deepStrictEqual(told.body.details, { environment: "full", quota: "keys", adds: 1, limit: 3 })
      assert.notMatch(told.text, /holds|used/)
      assert.strictEqual(all.body.details.used, 3, all.text)
    }
  })
})
