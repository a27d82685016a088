import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const production = "environment=production"

describe("who may do what", () => {
  const routes: ReadonlyArray<readonly [string, string, unknown, ReadonlyArray<string>]> = [
    ["PUT", "/v1/config/matrix?environment=staging", { value: 1 }, ["admin", "publisher", "publisher@staging"]],
    ["PUT", `/v1/config/matrix?${production}`, { value: 1 }, ["admin", "publisher"]],
    [
      "GET",
      "/v1/config/matrix?environment=staging",
      undefined,
      ["admin", "publisher", "publisher@staging", "viewer", "subscriber"]
    ],
    ["GET", `/v1/config/matrix?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["GET", `/v1/config?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["GET", `/v1/config/matrix/history?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["GET", `/v1/config/matrix/versions/1?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    [
      "GET",
      `/v1/config/matrix/diff?${production}&from=1&to=1`,
      undefined,
      ["admin", "publisher", "viewer", "subscriber"]
    ],
    ["GET", `/v1/config/matrix/explain?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["POST", `/v1/config/matrix/validate?${production}`, { value: 1 }, ["admin", "publisher"]],
    ["POST", `/v1/config/matrix/rollback?${production}`, { version: 1 }, ["admin", "publisher"]],
    [
      "POST",
      "/v1/releases",
      { changes: [{ key: "matrix", environment: "staging", value: 2 }] },
      ["admin", "publisher", "publisher@staging"]
    ],
    [
      "POST",
      "/v1/releases?dryRun=true",
      { changes: [{ key: "matrix", environment: "production", value: 2 }] },
      ["admin", "publisher"]
    ],
    ["GET", "/v1/clients", undefined, ["admin", "publisher", "viewer"]],
    ["GET", "/v1/clients?environment=staging", undefined, ["admin", "publisher", "publisher@staging", "viewer"]],
    ["GET", "/v1/audit", undefined, ["admin", "viewer"]],
    ["GET", "/v1/audit/verify", undefined, ["admin", "viewer"]],
    ["GET", "/v1/audit/export", undefined, ["admin", "viewer"]],
    ["GET", "/v1/audit/key", undefined, ["admin", "viewer"]],
    ["GET", "/v1/keys", undefined, ["admin"]],
    ["POST", "/v1/keys", { name: "ci", role: "viewer", environments: ["*"] }, ["admin"]],
    ["DELETE", "/v1/config/matrix?environment=staging", undefined, ["admin", "publisher", "publisher@staging"]]
  ]
  const everyone = ["admin", "publisher", "publisher@staging", "viewer", "subscriber"]
  for (const [method, path, body, allowed] of routes) {
    it(`R2 ${method} ${path}`, async () => {
      const outcome = []
      for (const as of everyone) {
        if (method === "DELETE") await door.call("PUT", path, { body: { value: 1 } })
        outcome.push([as, (await door.call(method, path, { as, body })).status])
      }
      const nobody = await door.call(method, path, { as: "nobody", body })

      for (const [as, status] of outcome) {
        if (allowed.includes(as as string)) assert.isBelow(status as number, 300, `${as} may`)
        else assert.strictEqual(status, 403, `${as} may not`)
      }
      assert.strictEqual(nobody.status, 401)
      assert.strictEqual(nobody.body.code, "HRLD-3001")
      assert.isNotNull(nobody.headers.get("www-authenticate"))
    })
  }

  it("A1 a wrong token of the right form is refused, and the problem does not repeat it", async () => {
    const token = `hrld_${"a".repeat(16)}_${"b".repeat(64)}`
    const answer = await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization: `Bearer ${token}` } })

    assert.strictEqual(answer.status, 401)
    assert.notInclude(answer.text, "bbbb")
  })

  it("A key can be made, used and revoked over HTTP; its hash is never shown", async () => {
    const made = await door.call("POST", "/v1/keys", { body: { name: "robot", role: "admin", environments: ["*"] } })
    const authorization = `Bearer ${made.body.token}`
    const used = await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization } })
    const revoked = await door.call("DELETE", `/v1/keys/${made.body.key.id}`)
    const after = await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization } })
    const again = await door.call("DELETE", `/v1/keys/${made.body.key.id}`)

    assert.strictEqual(made.status, 201)
    assert.strictEqual(used.status, 200)
    assert.notInclude(used.text, "hash")
    assert.strictEqual(revoked.status, 204)
    assert.strictEqual(after.status, 401)
    assert.include(after.body.detail, "revoked")
    assert.strictEqual(again.status, 404)
  })
})

describe("what every answer has", () => {
  it("H2 the caller's trace reaches the service, and a problem names it", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
    await door.call("PUT", `/v1/config/traced?${production}`, { body: { value: 1 }, headers })
    const problem = await door.call("GET", `/v1/config/not.there?${production}`, { headers })

    assert.strictEqual(door.state.seen.at(-1)?.traceId, traceId)
    assert.strictEqual(problem.body.traceId, traceId)
  })

  it("A4 a refusal for the rate says when to come back", async () => {
    const tries = []
    for (let i = 0; i < 150; i++) {
      const authorization = `Bearer hrld_${i.toString(16).padStart(16, "0")}_${"b".repeat(64)}`
      tries.push(await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization } }))
    }
    const refused = tries.find(({ status }) => status === 429)

    assert.strictEqual(refused?.body.code, "HRLD-3003")
    assert.match(refused?.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
  })

  it("requests are counted by status", async () => {
    await door.call("GET", "/nowhere")
    const { text } = await door.call("GET", "/metrics")

    assert.match(text, /herald_http_requests_total\{[^}]*status="4xx"[^}]*\} [1-9]/)
    assert.match(text, /herald_http_request_seconds_count/)
  })
})

describe("failures", () => {
  it("O1 a defect is a problem that tells nothing of itself but its trace id", async () => {
    const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`
    const answer = await door.call("GET", `/v1/config/defect?${production}`, { headers: { traceparent } })

    assert.strictEqual(answer.status, 500)
    assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
    assert.match(answer.body.code, /^HRLD-9\d{3}$/)
    assert.strictEqual(answer.body.traceId, "ab".repeat(16))
    assert.notInclude(answer.text, "secret")
    assert.notInclude(answer.text, ".ts")
  })

  it("H1 every answer, a refusal too, says that it is not to be guessed at, framed or told to others", async () => {
    for (const [path, as] of [
      ["/v1/keys", "admin"],
      ["/v1/keys", "nobody"],
      ["/nowhere", "admin"],
      [`/v1/config/defect?${production}`, "admin"],
      ["/docs", "nobody"],
      ["/metrics", "nobody"]
    ] as const) {
      const { headers } = await door.call("GET", path, { as })
      assert.deepStrictEqual(
        ["x-content-type-options", "x-frame-options", "referrer-policy"].map((name) => headers.get(name)),
        ["nosniff", "DENY", "no-referrer"],
        path
      )
    }
  })
})

describe("routes without a token", () => {
  it("VW4 livez, readyz, metrics, openapi, docs and error codes", async () => {
    const as = "nobody"
    await door.call("PUT", "/v1/flags/counted?environment=production", { body: { value: { enabled: true } } })
    const live = await door.call("GET", "/livez", { as })
    const ready = await door.call("GET", "/readyz", { as })
    door.state.stale = true
    const stale = await door.call("GET", "/readyz", { as })
    door.state.stale = false
    const metrics = await door.call("GET", "/metrics", { as })
    const openapi = await door.call("GET", "/openapi.json", { as })
    const docs = await door.call("GET", "/docs", { as })
    const code = await door.call("GET", "/v1/errors/hrld-2002", { as })
    const noCode = await door.call("GET", "/v1/errors/HRLD-0000", { as })

    assert.deepStrictEqual([live.status, ready.status, stale.status, metrics.status], [200, 200, 503, 200])
    assert.deepStrictEqual([ready.body.degraded, stale.body.degraded], [[], ["postgresql"]])
    assert.isAtLeast(ready.body.holds.flag, 1)
    assert.isNumber(ready.body.holds.configuration)
    assert.strictEqual(openapi.body.openapi, "3.1.0")
    assert.include(Object.keys(openapi.body.paths), "/v1/config/{key}")
    assert.include(docs.text, "rapi-doc")
    assert.include(docs.headers.get("content-security-policy"), "connect-src 'self'")
    assert.strictEqual(code.body.name, "VersionConflict")
    assert.strictEqual(noCode.status, 404)
  })
})
