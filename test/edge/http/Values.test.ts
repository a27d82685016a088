/** Values through the REST door: what comes back is what was sent, byte for byte. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll, vi } from "vitest"
import { Choices, jsonText } from "../../support/JsonText.ts"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const at = "environment=production"
const stored = async (key: string) => (await door.call("GET", `/v1/config/${key}?${at}&as=text`)).body
/** What the door makes of a value: the text of a string, anything else as it stands. */
const expected = (text: string): string => (text.startsWith('"') ? JSON.parse(text) : text)
/** A key keeps its type, so that each value has its own. */
let keys = 0
const fresh = () => `v.${++keys}`

describe("values", () => {
  it.effect.prop(
    "B4 CV1 any JSON arrives as it stands in the body, alone and in a release",
    [Choices, Choices],
    ([one, two]) =>
      Effect.promise(async () => {
        const [first, second] = [jsonText(one), jsonText(two)]
        if (first === "null" || second === "null") return
        const spaced = `{ "message": "why",\n "value" : ${first}\r\n, "strict":false}`
        const [alone, a, b] = [fresh(), fresh(), fresh()]
        const put = await door.call("PUT", `/v1/config/${alone}?${at}`, { body: spaced })
        assert.strictEqual(put.status, 200, put.text)
        assert.strictEqual((await stored(alone)).value, expected(first))

        const change = (key: string, value: string) => `{"value":${value} ,"environment":"production","key":"${key}"}`
        const body = `{"changes":[${change(a, second)} , ${change(b, first)}]}`
        const release = await door.call("POST", "/v1/releases", { body })
        assert.strictEqual(release.status, 200, release.text)
        assert.strictEqual((await stored(a)).value, expected(second))
        assert.strictEqual((await stored(b)).value, expected(first))
      }),
    { arbitrary: { runs: 150 } }
  )

  it("CV4 a value is parsed once on its way to the store, and so are variables", async () => {
    const parsed = vi.spyOn(JSON, "parse")
    const times = async (key: string, value: string) => {
      parsed.mockClear()
      const put = await door.call("PUT", `/v1/config/${key}?${at}`, { body: `{"value":${value}}` })
      assert.strictEqual(put.status, 200, put.text)
      return parsed.mock.calls.filter(([text]) => text.includes(value)).length
    }
    try {
      const plain = await times("v.once", '{"a":"once"}')
      const variables = await times("herald.variables", '{"region":"once"}')
      assert.deepStrictEqual([plain, variables], [1, 1])
    } finally {
      parsed.mockRestore()
    }
    await door.call("DELETE", `/v1/config/herald.variables?${at}`)
  })

  it("B4 CV1 what JavaScript would change is kept: digits, exponents, order of names, escapes", async () => {
    for (const [value, type] of [
      ["9007199254740993", "number"],
      ["1.10", "number"],
      ["-0", "number"],
      ["1.7976931348623157e308", "number"],
      ['{"10":1.0,"2":127525757991925097,"a":"\\u0041"}', "json"],
      ["true", "boolean"],
      ["[ 1,\n  2 ]", "json"]
    ] as const) {
      await door.call("PUT", `/v1/config/v.kind.${type}?${at}`, { body: `{"value":${value}}` })
      const found = await stored(`v.kind.${type}`)
      assert.deepStrictEqual([found.value, found.type], [value, type])
    }
    const endless = await door.call("PUT", `/v1/config/v.kind.number?${at}`, { body: '{"value":1e400}' })
    assert.deepStrictEqual([endless.status, endless.body.code], [422, "HRLD-1003"])
  })
})
