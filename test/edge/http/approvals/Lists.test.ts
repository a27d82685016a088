/** Who is in a segment whose ids are kept beside it, as those are told who are to approve it. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

const IN = "environment=production"
const REQUEST = { "herald-request": "yes" }
let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const named = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `user-${from + n}`)
const change = (segment: string, ids: ReadonlyArray<string>, mode: string, headers: Record<string, string> = {}) =>
  door.call("POST", `/v1/segments/${segment}/ids?${IN}&mode=${mode}`, {
    as: "publisher",
    headers: { "content-type": "text/plain", ...headers },
    body: ids.join("\n")
  })
const asked = async (...args: Parameters<typeof change>) => {
  const made = await change(args[0], args[1], args[2], REQUEST)
  assert.strictEqual(made.status, 202, made.text)
  return made.body.change as string
}
const page = (id: string, segment: string, query: string, as = "viewer") =>
  door.call("GET", `/v1/changes/${id}/ids?${IN}&segment=${segment}&${query}`, { as })
const all = async (id: string, segment: string, side: string) => {
  const found: Array<string> = []
  let counts: unknown
  for (let after = ""; ; ) {
    const { status, body, text } = await page(id, segment, `side=${side}&limit=700${after}`)
    assert.strictEqual(status, 200, text)
    assert.isAtMost(body.ids.length, 700)
    counts ??= [body.added, body.removed]
    found.push(...body.ids)
    if (body.next === null) return [counts, found.toSorted()] as const
    after = `&after=${body.next}`
  }
}

describe("ids of a segment that are kept beside it", () => {
  it("AQ21 are read by whoever may read the request, page by page: who comes, who goes, and who is in it then", async () => {
    assert.strictEqual((await change("beta", named(0, 3_000), "replace")).status, 200)
    const id = await asked("beta", named(1_000, 5_000), "replace")
    const { body } = await door.call("GET", `/v1/changes/${id}?${IN}`, { as: "viewer" })
    assert.deepStrictEqual(body.lists, ["beta"])
    const counts = [2_000, 1_000]
    assert.deepStrictEqual(await all(id, "beta", "added"), [counts, named(3_000, 5_000).toSorted()])
    assert.deepStrictEqual(await all(id, "beta", "removed"), [counts, named(0, 1_000).toSorted()])
    assert.deepStrictEqual(await all(id, "beta", "all"), [counts, named(1_000, 5_000).toSorted()])
    for (const [segment, query, status] of [
      ["other", "", 404],
      ["beta", "after=x", 400],
      ["beta", "after=600.0", 200]
    ] as const)
      assert.strictEqual((await page(id, segment, query)).status, status, `${segment} ${query}`)

    const few = await asked("beta", named(0, 5), "replace")
    assert.deepStrictEqual(await all(few, "beta", "removed"), [[0, 2_995], named(5, 3_000).toSorted()])
    const fresh = await asked("fresh", named(0, 1_001), "add")
    assert.deepStrictEqual(await all(fresh, "fresh", "added"), [[1_001, 0], named(0, 1_001).toSorted()])
  })

  it("AQ13 are not there for whoever may not read the request", async () => {
    const id = await asked("secret", named(0, 1_001), "add")
    const made = await door.call("POST", "/v1/keys", {
      body: { name: "narrow", environments: ["*"], role: "publisher", keys: ["pay.*"] }
    })
    const headers = { authorization: `Bearer ${made.body.token}` }
    const { status } = await door.call("GET", `/v1/changes/${id}/ids?${IN}&segment=secret`, { as: "nobody", headers })
    assert.strictEqual(status, 404)
  })

  it("IL10 are as many as the segment says, also where somebody writes its definition", async () => {
    assert.strictEqual((await change("much", named(0, 2_000), "replace")).status, 200)
    const { body } = await door.call("GET", `/v1/segments/much?${IN}`, { as: "viewer" })
    const { count, digest } = body.definition.ids
    assert.strictEqual(count, 2_000)
    for (const [said, status] of [
      [1_001, 422],
      [2_000, 202]
    ] as const) {
      const value = { ids: { count: said, digest } }
      const made = await door.call("PUT", `/v1/segments/mine?${IN}`, {
        as: "publisher",
        headers: REQUEST,
        body: { value }
      })
      assert.strictEqual(made.status, status, made.text)
    }
  })
})
