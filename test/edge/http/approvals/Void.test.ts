/** What becomes of a request that was void. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

const IN = "environment=production"
let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

describe("a change request that was void", () => {
  it("AQ20 says why also when it is withdrawn, and with what was said", async () => {
    const ask = async () => {
      const made = await door.call("PUT", `/v1/config/k?${IN}`, {
        ...{ as: "publisher", body: { value: Math.random() }, headers: { "herald-request": "yes" } }
      })
      assert.strictEqual(made.status, 202, made.text)
      return made.body.change as string
    }
    const ids = [await ask(), await ask()]
    assert.strictEqual((await door.call("PUT", `/v1/config/k?${IN}`, { as: "admin", body: { value: 1 } })).status, 200)
    const [first, second] = ids
    for (const [id, message] of [
      [first, ""],
      [second, "not now"]
    ] as const) {
      const query = `${IN}${message === "" ? "" : `&message=${encodeURIComponent(message)}`}`
      const { body } = await door.call("DELETE", `/v1/changes/${id}?${query}`, { as: "publisher" })
      assert.deepInclude(body, { state: "withdrawn" })
      assert.match(body.reason, /it was void: the configuration k was changed since, in revision \d+/)
      assert.strictEqual(body.reason.startsWith("not now; "), message !== "")
    }
  })
})
