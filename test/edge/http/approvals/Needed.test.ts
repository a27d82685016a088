/** How many have to approve a request, and for how long it waits. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

const IN = "environment=production"
let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

describe("what a change request needs", () => {
  it("AQ2 so many approve, and in such time, as is asked for all that hangs on what it changes", async () => {
    const put = (kind: "flags" | "segments", key: string, definition: object, headers = {}) =>
      door.call("PUT", `/v1/${kind}/${key}?${IN}`, { as: "publisher", body: { value: definition }, headers })
    const shop = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "on" }
    for (const made of [
      await put("segments", "beta", { targetUsers: ["ann"] }),
      await put("segments", "inner", { rule: { "!!": [{ $ref: "beta" }] } }),
      await put("flags", "shop", { ...shop, targeting: { if: [{ $ref: "inner" }, "on", "off"] } }),
      await door.call("PUT", `/v1/protections/shops?${IN}`, {
        as: "admin",
        body: { keys: ["shop"], kinds: ["flag"], approvals: 2, waitsMillis: 3_600_000 }
      })
    ])
      assert.strictEqual(made.status, 200, made.text)
    const asked = await put("segments", "beta", { targetUsers: ["mallory"] }, { "herald-request": "yes" })
    assert.strictEqual(asked.status, 202, asked.text)
    const { body } = await door.call("GET", `/v1/changes/${asked.body.change}?${IN}`, { as: "admin" })
    assert.strictEqual(body.needed, 2)
    assert.strictEqual(body.expiresAt - body.madeAt, 3_600_000)
  })
})
