/** Scheduled changes, and where code names flags, over REST. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const IN = "environment=production"
const make = (body: unknown, { query = "", as = "publisher", headers = {} } = {}) =>
  door.call("POST", `/v1/schedules${query}`, { as, body, headers })
const flag = (name: string, value: unknown) => ({ flag: name, environment: "production", value })

describe("/v1/schedules", () => {
  it("SZ1 keeps what it is to do as it stands in the body, and shows, lists and cancels it", async () => {
    const text =
      '{"at":"+2h","message":"why","changes":[{"key":"app","environment":"production","value":{ "a" : 1.10 }}],' +
      '"flags":[{"flag":"shop","environment":"production","value":{ "enabled" : true,  "percentage": 12.5 }}],' +
      '"segments":[{"segment":"beta","environment":"production","value":{ "targetUsers" : ["ann"] }}]}'
    const made = await make(text)
    assert.strictEqual(made.status, 200, made.text)
    assert.deepInclude(made.body, { environment: "production", state: "pending", madeBy: "publisher", replayed: false })
    assert.strictEqual(made.body.dueAt, made.body.madeAt + 7_200_000)
    assert.deepStrictEqual(made.body.touches, [
      { kind: "configuration", key: "app", expectedVersion: 0 },
      { kind: "segment", key: "beta", expectedVersion: 0 },
      { kind: "flag", key: "shop", expectedVersion: 0 }
    ])
    const path = `/v1/schedules/${made.body.id}`
    const { body: shown } = await door.call("GET", `${path}?${IN}`, { as: "viewer" })
    assert.deepStrictEqual(shown.changes, [{ key: "app", value: '{ "a" : 1.10 }' }])
    assert.deepStrictEqual(shown.flags, [{ flag: "shop", value: '{ "enabled" : true,  "percentage": 12.5 }' }])
    assert.deepStrictEqual(shown.segments, [{ segment: "beta", value: '{ "targetUsers" : ["ann"] }' }])
    const { body: preview } = await door.call("GET", `${path}/preview?${IN}`)
    assert.isNull(preview.problem)
    assert.deepStrictEqual(
      [preview.changes[0].key, preview.flags[0].flag, preview.segments[0].segment],
      ["app", "shop", "beta"]
    )

    await door.call("PUT", `/v1/flags/shop?${IN}`, { body: { value: { enabled: true } } })
    const { status, body: now } = await door.call("GET", `${path}/preview?${IN}`)
    assert.deepStrictEqual([status, now.problem.code], [200, "HRLD-2002"])
    for (const [query, ids] of [
      ["", [made.body.id]],
      ["&state=pending&flag=shop", [made.body.id]],
      ["&key=app", [made.body.id]],
      ["&flag=app", []],
      [`&after=${made.body.id}`, []],
      ["&state=committed", []]
    ] as const) {
      const { body } = await door.call("GET", `/v1/schedules?${IN}${query}`, { as: "viewer" })
      assert.deepStrictEqual(
        body.schedules.map(({ id }: { readonly id: string }) => id),
        ids,
        query
      )
      assert.isNull(body.next)
    }
    const cancelled = await door.call("DELETE", `${path}?${IN}&message=no%20more`)
    assert.deepInclude(cancelled.body, { state: "cancelled", reason: "no more" })
    assert.strictEqual((await door.call("DELETE", `${path}?${IN}`)).body.code, "HRLD-2030")
    assert.strictEqual((await door.call("GET", `${path}/preview?${IN}`)).body.code, "HRLD-2030")
    assert.strictEqual((await door.call("GET", `/v1/schedules/s99999?${IN}`)).status, 404)
    assert.strictEqual((await door.call("GET", `/v1/schedules/${"x".repeat(500)}?${IN}`)).status, 404)
  })

  it("SZ1 says what is wrong with a time, and with what is to be done then; a dry run writes nothing", async () => {
    const ok = { at: "+1h", flags: [flag("dry", { enabled: true })] }
    for (const [body, status, code] of [
      [{ ...ok, at: "tomorrow" }, 422, "HRLD-1030"],
      [{ ...ok, at: "2026-12-01T09:00" }, 422, "HRLD-1030"],
      [{ ...ok, at: "2001-01-01T00:00Z" }, 422, "HRLD-1030"],
      [{ ...ok, at: "+500d" }, 422, "HRLD-1030"],
      [{ ...ok, at: 5 }, 400, "HRLD-1001"],
      [{ flags: ok.flags }, 400, "HRLD-1001"],
      [{ ...ok, when: "+1h" }, 400, "HRLD-1001"],
      [{ ...ok, flags: [flag("dry", { enabled: 1 })] }, 422, "HRLD-1020"],
      [{ at: "+1h" }, 400, "HRLD-2005"]
    ] as const) {
      const answer = await make(body)
      assert.deepStrictEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body))
    }
    const dry = await make(ok, { query: "?dryRun=true" })
    assert.strictEqual(dry.body.flags[0].flag, "dry")
    const { body } = await door.call("GET", `/v1/schedules?${IN}&flag=dry`)
    assert.deepStrictEqual(body.schedules, [])
    const key = { "idempotency-key": "once" }
    const [first, again] = [await make(ok, { headers: key }), await make(ok, { headers: key })]
    assert.deepStrictEqual([again.body.id, first.body.replayed, again.body.replayed], [first.body.id, false, true])
  })
})

describe("/v1/refs", () => {
  it("RK1 keeps places by repository and branch, and shows them by flag", async () => {
    const query = `${IN}&repository=github.com%2Facme%2Fshop&branch=main`
    const refs = [
      { flag: "shop", file: "src/x.ts", line: 1 },
      { flag: "shop", file: "src/x.ts", line: 9 }
    ]
    const told = await door.call("PUT", `/v1/refs?${query}`, { as: "publisher", body: { commit: "c1", refs } })
    assert.deepInclude(told.body, { repository: "github.com/acme/shop", branch: "main", commit: "c1", refs: 2 })
    const { body: few } = await door.call("GET", `/v1/flags/shop/refs?${IN}&limit=1`, { as: "viewer" })
    assert.deepStrictEqual([few.refs.length, few.refs[0].line, few.more], [1, 1, true])
    assert.isFalse((await door.call("GET", `/v1/flags/shop/refs?${IN}`)).body.more)
    assert.lengthOf((await door.call("GET", `/v1/refs?${IN}`)).body.scans, 1)
    for (const [wrong, body] of [
      [`${IN}&repository=https%3A%2F%2Fann%3As3cret%40host%2Fx&branch=main`, { refs }],
      [query, { refs: [{ ...refs[0], line: 0 }] }],
      [query, { refs: [{ ...refs[0], code: "x" }] }]
    ] as const) {
      const answer = await door.call("PUT", `/v1/refs?${wrong}`, { body })
      assert.strictEqual(answer.status, 400)
      assert.notInclude(answer.text, "s3cret")
    }
    assert.strictEqual((await door.call("DELETE", `/v1/refs?${query}`)).status, 204)
    assert.strictEqual((await door.call("DELETE", `/v1/refs?${query}`)).status, 404)
  })
})
