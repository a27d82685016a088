/** What a list of keys may be narrowed to. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

describe("GET /v1/config", () => {
  it("only: templates, or strict keys, in pages", async () => {
    const put = (key: string, body: object) => door.call("PUT", `/v1/config/${key}?environment=only`, { body })
    for (const n of [1, 2]) {
      await put(`plain.${n}`, { value: 1 })
      await put(`made.${n}`, { value: "{{client.region}}" })
      await put(`strict.${n}`, { value: 1, strict: true })
    }
    for (const [only, name] of [
      ["template", "made"],
      ["strict", "strict"]
    ]) {
      const path = `/v1/config?environment=only&limit=1&only=${only}`
      const one = await door.call("GET", path)
      const two = await door.call("GET", `${path}&after=${one.body.next}`)
      const keys = [...one.body.keys, ...two.body.keys].map(({ key }: { key: string }) => key)
      assert.deepStrictEqual(keys, [`${name}.1`, `${name}.2`])
    }
  })
})
