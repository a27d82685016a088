/** What limits whoever asks, over HTTP. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
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
})
