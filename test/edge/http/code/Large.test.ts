/** Stores of many keys: values come many at once, bounded, and nothing of it changes what is seen. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import type { Values } from "../../../../src/edge/http/configuration/Wire.ts"
import { PAGE_BYTES } from "../../../../src/values/Page.ts"
import { CodeFolder } from "./CodeFolder.ts"

let folder: CodeFolder
let narrow = ""
const KEYS = 1_200
beforeAll(async () => {
  folder = await CodeFolder.start()
  const changes = Array.from({ length: KEYS }, (_, n) => ({
    key: `${n % 2 === 0 ? "even" : "odd"}.k${String(n).padStart(4, "0")}`,
    environment: "production",
    value: String(n),
    type: n % 3 === 0 ? "number" : "string",
    ...(n === 3 ? { schema: { type: "number", minimum: 0 } } : {})
  }))
  for (let from = 0; from < KEYS; from += 400) {
    const body = { changes: changes.slice(from, from + 400) }
    const { status, text } = await folder.server.call("POST", "/v1/releases", { body })
    assert.strictEqual(status, 200, text)
  }
  const body = { name: "narrow", role: "viewer", environments: ["production"], keys: ["odd.*", "even.k0002"] }
  narrow = (await folder.server.call("POST", "/v1/keys", { body })).body.token as string
})
afterAll(() => folder[Symbol.asyncDispose]())

const values = async (query: string, token?: string) => {
  const { status, body, text } = await folder.server.call("GET", `/v1/values?${query}`, {
    ...(token === undefined ? {} : { as: "nobody", headers: { authorization: `Bearer ${token}` } })
  })
  assert.strictEqual(status, 200, text)
  return body as Values
}

const walk = async (query: string, token?: string) => {
  const found: Array<Values["values"][number]> = []
  let after: string | null = ""
  do {
    const page: Values = await values(`${query}&after=${after}`, token)
    found.push(...page.values)
    after = page.next
  } while (after !== null)
  return found
}

describe("many values at once", () => {
  it("AO3 are all that there are, once each, in order, as single reads give them", async () => {
    const all = await walk("environment=production&limit=500")
    assert.strictEqual(all.length, KEYS)
    assert.deepStrictEqual(
      all.map(({ key }) => key),
      all.map(({ key }) => key).toSorted()
    )
    const one = all.find(({ key }) => key === "odd.k0003")!
    const { body: read } = await folder.server.call("GET", "/v1/config/odd.k0003?environment=production&as=text")
    for (const name of ["version", "revision", "value", "type", "schema", "strict", "template", "digest"] as const)
      assert.deepStrictEqual(one[name], read[name], name)
    assert.match(one.schemaDigest!, /^[0-9a-f]{64}$/)
    assert.strictEqual(all.filter(({ schemaDigest }) => schemaDigest !== null).length, 1)
  })

  it("AO3 have no values and schemas where only their shape is asked for, and begin as the prefix says", async () => {
    const shapes = await walk("environment=production&shape=true&prefix=odd.k000")
    assert.deepStrictEqual(
      shapes.map(({ key }) => key),
      ["odd.k0001", "odd.k0003", "odd.k0005", "odd.k0007", "odd.k0009"]
    )
    for (const shape of shapes) assert.doesNotHaveAnyKeys(shape, ["value", "schema"])
  })

  it("AO3 are those alone that one may read, and nothing tells of the others", async () => {
    const seen = await walk("environment=production&limit=100", narrow)
    assert.strictEqual(seen.length, KEYS / 2 + 1)
    assert.isTrue(seen.every(({ key }) => key.startsWith("odd.") || key === "even.k0002"))
    const { values: hidden, next } = await values("environment=production&prefix=even.k0003", narrow)
    assert.deepStrictEqual([hidden, next], [[], null])
    const refused = await folder.server.call("GET", "/v1/values?environment=staging", {
      as: "nobody",
      headers: { authorization: `Bearer ${narrow}` }
    })
    assert.strictEqual(refused.status, 403)
  })

  it("AO3 end a page by its bytes, and go on behind it; what was deleted is passed over", async () => {
    const put = (key: string) =>
      folder.server.call("PUT", `/v1/config/${key}?environment=heavy`, {
        body: { value: "x".repeat(PAGE_BYTES / 4), type: "string" }
      })
    for (const key of ["a", "b", "c", "d", "e", "f"]) assert.strictEqual((await put(key)).status, 200)
    await folder.server.call("DELETE", "/v1/config/b?environment=heavy")
    const first = await values("environment=heavy")
    assert.isBelow(first.values.length, 5)
    assert.isNotNull(first.next)
    const all = await walk("environment=heavy")
    assert.deepStrictEqual(
      all.map(({ key }) => key),
      ["a", "c", "d", "e", "f"]
    )
  })
})

describe("configuration as code of many keys", () => {
  it("JE3 asks a page for a thousand keys, and for no value alone", async () => {
    const exported = await folder.export()
    assert.strictEqual(exported.exit, 0, exported.said)
    assert.strictEqual(Object.keys(folder.files("production")).length, KEYS + 2)
    for (const ask of [() => folder.diff(), () => folder.apply(), () => folder.export()]) {
      const before = folder.server.asked.length
      const done = await ask()
      assert.strictEqual(done.exit, 0, done.said)
      const asked = folder.server.asked.slice(before)
      assert.isBelow(asked.length, 15)
      assert.isFalse(asked.some(({ path }) => path.startsWith("/v1/config/")))
    }
  })

  it("JE3 sees each difference: value, type, schema, strictness", async () => {
    folder.clear("production")
    await folder.export()
    const { "odd.k0003.number": three, "odd.k0009.number": nine, ...files } = folder.files("production")
    folder.clear("production")
    const schema = files["@schema/odd.k0003.json"]!
    folder.put("production", {
      ...files,
      "odd.k0003.number": three!,
      "odd.k0009.txt": nine!,
      "odd.k0001.txt": "other\n",
      "@schema/odd.k0003.json": schema.replace('"minimum": 0', '"minimum": 1'),
      "@manifest.yaml": `${files["@manifest.yaml"]}strict:\n  - "odd.k0005"\n`
    })
    const drift = await folder.diff()
    assert.strictEqual(drift.exit, 1, drift.said)
    const [{ changes }] = JSON.parse(drift.printed).environments
    assert.deepStrictEqual(
      changes.map(({ name, parts }: { name: string; parts: unknown }) => [name, parts]),
      [
        ["odd.k0001", ["value"]],
        ["odd.k0003", ["schema"]],
        ["odd.k0005", ["strict"]],
        ["odd.k0009", ["type"]]
      ]
    )
  })
})
