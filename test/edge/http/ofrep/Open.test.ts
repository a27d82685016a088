/** OFREP without an API key, and for pages of other origins. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

const ALL = "/ofrep/v1/evaluate/flags"

describe("OFREP without an API key", () => {
  let open: Awaited<ReturnType<typeof startRoutes>>
  beforeAll(async () => {
    open = await startRoutes([], {
      anonymous: ["production"],
      anonymousPerSecond: 100,
      origins: ["https://app.example.com"],
      shared: () => true
    })
    for (const environment of ["production", "staging"])
      await open.call("PUT", `/v1/flags/a?environment=${environment}`, { body: { value: { enabled: true } } })
  })
  afterAll(() => open.dispose())

  it("OK1 flags of the environment can be had, and nothing else", async () => {
    const nobody = { as: "nobody", body: {} }
    const all = await open.call("POST", ALL, nobody)
    assert.deepStrictEqual([all.status, all.body.flags.length], [200, 1])
    assert.strictEqual(all.body.eventStreams[0].endpoint.requestUri, "/ofrep/v1/events?environment=production")
    assert.strictEqual((await open.call("POST", `${ALL}/a`, nobody)).body.value, true)
    assert.strictEqual((await open.call("GET", "/v1/flagd?environment=production", { as: "nobody" })).status, 200)
    assert.strictEqual(
      (await open.call("HEAD", "/ofrep/v1/events?environment=production", { as: "nobody" })).status,
      200
    )

    const headers = { "flagd-selector": "flagSetId=staging" }
    assert.strictEqual((await open.call("POST", `${ALL}/a`, { ...nobody, headers })).status, 403)
    for (const [method, url] of [
      ["GET", "/v1/flagd?environment=staging"],
      ["GET", "/ofrep/v1/events?environment=staging"]
    ] as const)
      assert.strictEqual((await open.call(method, url, { as: "nobody" })).status, 403, url)
    for (const [method, url] of [
      ["GET", "/v1/flags?environment=production"],
      ["GET", "/v1/flags/a?environment=production"],
      ["POST", "/v1/flags/a/evaluate?environment=production"],
      ["PUT", "/v1/flags/a?environment=production"],
      ["GET", "/v1/config?environment=production"],
      ["GET", "/v1/events?environment=production"]
    ] as const)
      assert.strictEqual((await open.call(method, url, { as: "nobody" })).status, 401, url)
    assert.strictEqual(
      (await open.call("POST", `${ALL}/a`, { as: "nobody", body: {}, headers: { authorization: "Bearer x" } })).status,
      401
    )
  })

  it("OX1 pages of the origins that are named read flags, refusals too, and their browser asks once a day", async () => {
    const app = { origin: "https://app.example.com" }
    const asked = {
      ...app,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,if-none-match"
    }
    const before = await open.call("OPTIONS", ALL, { as: "nobody", headers: asked })
    assert.deepStrictEqual(
      [
        before.status,
        ...["origin", "methods", "headers"].map((one) => before.headers.get(`access-control-allow-${one}`))
      ],
      [204, "https://app.example.com", "GET, POST", "content-type,if-none-match"]
    )
    assert.strictEqual(before.headers.get("access-control-max-age"), "86400")
    for (const [method, url, as] of [
      ["POST", ALL, "nobody"],
      ["POST", `${ALL}/gone`, "nobody"],
      ["POST", ALL, "revoked"],
      ["HEAD", "/ofrep/v1/events?environment=production", "nobody"]
    ] as const) {
      const { headers } = await open.call(method, url, { as, headers: app, ...(method === "POST" ? { body: {} } : {}) })
      assert.strictEqual(headers.get("access-control-allow-origin"), "https://app.example.com", url)
      assert.strictEqual(headers.get("access-control-expose-headers"), "etag, retry-after, ratelimit, ratelimit-policy")
      assert.include(headers.get("vary")!.split(", "), "Origin")
      assert.isNull(headers.get("access-control-allow-credentials"))
    }
    const other = await open.call("POST", ALL, { body: {}, headers: { origin: "https://other.example.com" } })
    assert.deepStrictEqual([other.status, other.headers.get("access-control-allow-origin")], [200, null])
    const refused = await open.call("OPTIONS", ALL, { as: "nobody", headers: { ...asked, origin: "null" } })
    assert.isNull(refused.headers.get("access-control-allow-origin"))
    const elsewhere = await open.call("GET", "/v1/flags?environment=production", { headers: app })
    assert.isNull(elsewhere.headers.get("access-control-allow-origin"))
  })
})
