/** What is told of flags' use over HTTP, and what is reported. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
const as = "subscriber@production"
const IN = "environment=production"
const put = async (flag: string, value: unknown) => {
  const { status, body } = await door.call("PUT", `/v1/flags/${flag}?${IN}`, { body: { value } })
  assert.strictEqual(status, 200, JSON.stringify(body))
}
const report = (body: unknown, more: object = {}) => door.call("POST", "/v1/reports", { as, body, ...more })
const evaluation = (flag: string, more: object = {}) => ({ flag, variant: "on", reason: "STATIC", count: 3, ...more })

beforeAll(async () => {
  door = await startRoutes()
  for (const flag of ["a.one", "a.two", "b"]) await put(flag, { enabled: true })
})
afterAll(() => door.dispose())

describe("reports over HTTP", () => {
  it("UR1 a batch counts once, items that are wrong are told, and the flag's usage shows it", async () => {
    const batch = {
      batchId: "batch-http-1",
      sdk: "py/2.0",
      evaluations: [
        evaluation("a.one"),
        evaluation("never"),
        evaluation("a.one", { reason: "ERROR", errorCode: "GENERAL" })
      ],
      exposures: [{ flag: "a.one", variant: "on", unit: "ann" }],
      tracks: [{ name: "bought", unit: "ann", value: 5 }]
    }
    const first = await report(batch)
    assert.deepStrictEqual(first.body, {
      ...{ replayed: false, accepted: 4, refusedCount: 1, overLimit: 0 },
      refused: [{ field: "evaluations", index: 1, problem: 'there is no flag "never"' }]
    })
    assert.isTrue((await report(batch)).body.replayed)
    const { body } = await door.call("GET", `/v1/flags/a.one/usage?${IN}`, { as })
    assert.deepInclude(body, { flag: "a.one", environment: "production", door: "report", sdk: "py/2.0" })
    assert.deepStrictEqual(
      body.counts.map((one: Record<string, unknown>) => [one["sdk"], one["variant"], one["outcome"], one["count"]]),
      [
        ["py/2.0", "on", "STATIC", 3],
        ["py/2.0", "on", "GENERAL", 3]
      ]
    )
    assert.isString(body.lastEvaluatedTime)
  })

  it("UR1 flags that were used are listed by name, those that never were are not, and archived ones no more", async () => {
    await report({ batchId: "batch-http-2", sdk: "py", evaluations: [evaluation("b"), evaluation("a.two")] })
    const names = async (query = "") => {
      const { body } = await door.call("GET", `/v1/flag-usage?${IN}${query}`, { as })
      return [body.uses.map(({ flag }: { flag: string }) => flag), body.next]
    }
    assert.deepStrictEqual(await names(), [["a.one", "a.two", "b"], null])
    assert.deepStrictEqual(await names("&prefix=a.&limit=1"), [["a.one"], "a.one"])
    assert.deepStrictEqual(await names("&prefix=a.&after=a.one"), [["a.two"], null])
    const gone = await door.call("DELETE", `/v1/flags/b?${IN}&force=true&message=over`)
    assert.strictEqual(gone.status, 200)
    assert.deepStrictEqual(await names(), [["a.one", "a.two"], null])
  })

  it("UR1 events alone are taken, each request for itself unless it is named", async () => {
    const events = [{ name: "checkout", unit: "ann", details: { plan: "pro" } }]
    const track = (body: object) => door.call("POST", "/v1/track", { as, body })
    for (const accepted of [1, 1]) assert.deepInclude((await track({ events })).body, { accepted, replayed: false })
    assert.isFalse((await track({ events, batchId: "batch-track" })).body.replayed)
    assert.isTrue((await track({ events, batchId: "batch-track" })).body.replayed)
  })

  it("UR1 who may only look reports nothing, and nobody elsewhere", async () => {
    const body = { batchId: "batch-http-3", sdk: "py", evaluations: [evaluation("a.one")] }
    const statuses = []
    for (const as of ["nobody", "viewer@production", "publisher@staging", "publisher@production"])
      statuses.push((await report(body, { as })).status)
    assert.deepStrictEqual(statuses, [401, 403, 403, 200])
    assert.strictEqual((await report({ ...body, batchId: "x" })).status, 400)
    assert.strictEqual((await report({ ...body, more: 1 })).status, 400)
    assert.strictEqual((await door.call("GET", `/v1/flags/never/usage?${IN}`, { as })).status, 404)
  })

  it("UF1 stale flags come with what to do; new ones are none", async () => {
    await put("gone", { enabled: true, percentage: 5, expectedEnd: "2020-01-01", owner: "team-a" })
    const { status, body } = await door.call("GET", `/v1/stale-flags?${IN}&days=1`, { as: "viewer" })
    assert.strictEqual(status, 200)
    assert.strictEqual(body.next, null)
    assert.deepStrictEqual(
      body.stale.map(({ flag, owner, why }: { flag: string; owner: string; why: ReadonlyArray<object> }) => [
        ...[flag, owner],
        why.map((one) => ({ ...one, fix: "" }))
      ]),
      [
        [
          ...["gone", "team-a"],
          [
            {
              ...{ reason: "past its end", certain: true, fix: "" },
              problem: "it was expected to be gone by 2020-01-01"
            }
          ]
        ]
      ]
    )
  })
})
