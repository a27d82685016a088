/** The same publishes over HTTP, by a call and on a stream: the same outcome. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import {
  type BothDoors,
  type Item,
  type Outcome,
  openBoth,
  outcomeOf,
  refusedWith
} from "../../../support/BothDoors.ts"

let doors: BothDoors
beforeAll(async () => {
  doors = await openBoth()
  await doors.mint("publisher", "publisher", ["*"])
  await doors.mint("publisher@staging", "publisher", ["staging"])
  await doors.mint("viewer", "viewer", ["*"])
  await doors.mint("subscriber", "subscriber", ["*"])
})
afterAll(() => doors.close())

interface Row {
  readonly name: string
  readonly item: Item
  /** What HTTP is sent, where it differs from the item's own fields. */
  readonly body?: Record<string, unknown>
  readonly as?: string
  readonly expected: string
  /** Published before, by HTTP. */
  readonly before?: ReadonlyArray<Record<string, unknown>>
}

const deep = `${"[".repeat(65)}${"]".repeat(65)}`
const text = (value: string, more: Item = {}): Item => ({ value, type: "string", ...more })

const rows: ReadonlyArray<Row> = [
  { name: "a string", item: text("one"), expected: "OK" },
  { name: "text with a mark, quotes and line ends", item: text('\ufeff"x"\r\n\t\u2028😀'), expected: "OK" },
  { name: "json, as it was written", item: { value: '{ "b":1.50, "a":[1e3] }', type: "json" }, expected: "OK" },
  { name: "a number", item: { value: "1.50", type: "number" }, expected: "OK" },
  { name: "no number", item: { value: "x", type: "number" }, expected: "HRLD-1003" },
  { name: "a boolean", item: { value: "true", type: "boolean" }, expected: "OK" },
  { name: "no boolean", item: { value: "yes", type: "boolean" }, expected: "HRLD-1003" },
  { name: "yaml", item: { value: "a: 1\nb: [x, y]\n", type: "yaml" }, expected: "OK" },
  { name: "no yaml", item: { value: "a: [1", type: "yaml" }, expected: "HRLD-1003" },
  { name: "no json", item: { value: '{"a":', type: "json" }, expected: "HRLD-1003" },
  { name: "json too deep", item: { value: deep, type: "json" }, expected: "HRLD-1003" },
  { name: "json with a name twice", item: { value: '{"a":1,"a":2}', type: "json" }, expected: "HRLD-1003" },
  {
    name: "json that reaches into prototypes",
    item: { value: '{"__proto__":1}', type: "json" },
    expected: "HRLD-1003"
  },
  { name: "text with a zero", item: text("a\u0000b"), expected: "HRLD-1003" },
  { name: "an unknown type", item: { value: "x", type: "toml" }, expected: "HRLD-1001" },
  {
    name: "the type of the current version",
    item: { value: "2" },
    before: [{ value: "1", type: "number" }],
    expected: "OK"
  },
  {
    name: "not of the current version's type",
    item: { value: "x" },
    before: [{ value: "1", type: "number" }],
    expected: "HRLD-1003"
  },
  { name: "a key that is none", item: { ...text("x"), key: "a b" }, expected: "HRLD-1002" },
  { name: "an environment that is none", item: { ...text("x"), environment: "a b" }, expected: "HRLD-1001" },
  { name: "a new key, expected", item: text("x", { expectedVersion: 0n }), expected: "OK" },
  {
    name: "a new key, that is there",
    item: text("x", { expectedVersion: 0n }),
    before: [{ value: "1" }],
    expected: "HRLD-2002"
  },
  {
    name: "the version that is current",
    item: text("x", { expectedVersion: 1n }),
    before: [{ value: "1", type: "string" }],
    expected: "OK"
  },
  {
    name: "another version",
    item: text("x", { expectedVersion: 7n }),
    before: [{ value: "1" }],
    expected: "HRLD-2002"
  },
  { name: "a version that can't be", item: text("x", { expectedVersion: 2n ** 40n }), expected: "HRLD-1001" },
  { name: "a message", item: text("x", { message: "why" }), expected: "OK" },
  { name: "a message that is too long", item: text("x", { message: "m".repeat(2_001) }), expected: "HRLD-1001" },
  {
    name: "an idempotency key that is too long",
    item: text("x", { idempotencyKey: "k".repeat(201) }),
    expected: "HRLD-1001"
  },
  { name: "strict", item: text("x", { strict: true }), expected: "OK" },
  { name: "a schema", item: { value: '{"a":1}', type: "json", schema: '{"type":"object"}' }, expected: "OK" },
  {
    name: "a schema that the value breaks",
    item: { value: "[]", type: "json", schema: '{"type":"object"}' },
    expected: "HRLD-1004"
  },
  {
    name: "a schema that was there",
    item: { value: "[]", type: "json" },
    before: [{ value: {}, schema: { type: "object" } }],
    expected: "HRLD-1004"
  },
  {
    name: "a schema taken away",
    item: { value: "[]", type: "json", schema: "null" },
    before: [{ value: {}, schema: { type: "object" } }],
    expected: "OK"
  },
  {
    name: "a schema that is none",
    item: { value: "1", type: "json", schema: '{"type":"thing"}' },
    expected: "HRLD-1005"
  },
  {
    name: "a schema from elsewhere",
    item: { value: "1", type: "json", schema: '{"$ref":"http://x/y"}' },
    expected: "HRLD-1005"
  },
  { name: "a template of nothing", item: text("{{nobody}}"), expected: "HRLD-1006" },
  { name: "a template of the client's", item: text("{{client.region}}"), expected: "OK" },
  { name: "a broken template", item: text("{{a"), expected: "HRLD-1006" },
  { name: "too large", item: text("x".repeat(1_048_577)), expected: "HRLD-1007" },
  { name: "as large as may be", item: text("x".repeat(1_048_576)), expected: "OK" },
  { name: "by nobody", item: text("x"), as: "nobody", expected: "HRLD-3001" },
  { name: "by who may not", item: text("x"), as: "viewer", expected: "HRLD-3002" },
  { name: "by who may only hear", item: text("x"), as: "subscriber", expected: "HRLD-3002" },
  { name: "by who may elsewhere", item: text("x"), as: "publisher@staging", expected: "HRLD-3002" },
  { name: "by who may there", item: { ...text("x"), environment: "staging" }, as: "publisher@staging", expected: "OK" },
  { name: "a deletion", item: { delete: true }, before: [{ value: "1" }], expected: "OK" },
  { name: "a deletion of nothing", item: { delete: true }, expected: "HRLD-2001" }
]

/** Text as JSON around it may have it: HTTP's body says what the item says. */
const bodyOf = ({ value, type, schema, strict, message, expectedVersion }: Item) => ({
  value,
  ...(type === undefined ? {} : { type }),
  ...(schema === undefined ? {} : { schema: JSON.parse(schema) }),
  ...(strict === undefined ? {} : { strict }),
  ...(message === undefined ? {} : { message }),
  ...(expectedVersion === undefined ? {} : { expectedVersion: Number(expectedVersion) })
})

const overHttp = async ({ item, as = "admin" }: Row, key: string): Promise<Outcome> => {
  const path = `/v1/config/${encodeURIComponent(key)}?environment=${encodeURIComponent(item.environment ?? "production")}`
  const headers: Record<string, string> =
    item.idempotencyKey === undefined ? {} : { "idempotency-key": item.idempotencyKey }
  const { status, body } = await (item.delete === true
    ? doors.call("DELETE", path, { as, headers })
    : doors.call("PUT", path, { as, body: bodyOf(item), headers }))
  if (status !== 200) return refusedWith(body.code)
  const { version, digest, type, replayed } = body
  return { code: "OK", version, digest, type, replayed }
}

const byCall = async ({ item, as }: Row, key: string): Promise<Outcome> => {
  const { answer, error } = await doors.unary({ ...item, key }, as)
  if (error !== undefined) return refusedWith(String(error.metadata.get("herald-code")[0]))
  return outcomeOf({ outcome: { $case: "published", value: answer! } })
}

/** Values that are too large for a message go in parts. */
const PART = 100_000
const byStream = async ({ item, as }: Row, key: string): Promise<Outcome> => {
  const { value = "" } = item
  const parts = value.match(new RegExp(`[^]{1,${PART}}`, "g")) ?? [""]
  const { results, code, details } = await doors.many(
    parts.map((part, n) => ({
      ...(n === 0 ? { items: [{ ...item, key, value: part }] as never } : { rest: part }),
      more: n < parts.length - 1
    })),
    as
  )
  return code === 0 ? outcomeOf(results[0]) : refusedWith(details.slice(0, 9))
}

const stored = async (key: string, environment = "production") => {
  const { body } = await doors.call("GET", `/v1/config/${key}?environment=${environment}&as=text`)
  const { value, type, schema, strict, template, message, deleted } = body
  return { value, type, schema, strict, template, message, deleted }
}

describe("the same publish over HTTP, by a call and on a stream", () => {
  for (const [n, row] of rows.entries())
    it(`PX1 ${row.name}`, async () => {
      const environment = row.item.environment ?? "production"
      const ways = { http: overHttp, call: byCall, stream: byStream }
      const large = (row.item.value?.length ?? 0) > 200_000
      const found: Record<string, unknown> = {}
      for (const [name, way] of Object.entries(ways)) {
        if (large && name === "call") continue // more than one message may hold
        const key = row.item.key ?? `row.${n}.${name}`
        for (const body of row.before ?? [])
          assert.strictEqual(
            (await doors.call("PUT", `/v1/config/${key}?environment=${environment}`, { body })).status,
            200
          )
        const outcome = await way(row, key)
        const after = row.item.key === undefined && environment !== "a b" ? await stored(key, environment) : {}
        found[name] = { ...outcome, ...after }
        assert.strictEqual(outcome.code, row.expected, name)
      }
      assert.deepStrictEqual(found["stream"], found["http"])
      if (!large) assert.deepStrictEqual(found["call"], found["http"])
    })

  it("PX1 the same idempotency key has the same answer, and no other publish", async () => {
    const item = { ...text("once"), key: "idem", idempotencyKey: "idem-1" }
    const first = await doors.unary(item)
    const again = await doors.unary(item)
    const { results } = await doors.many([{ items: [item, { ...item, value: "other" }] as never }])
    assert.deepStrictEqual(
      [first.answer?.replayed, again.answer?.replayed, again.answer?.revision === first.answer?.revision],
      [false, true, true]
    )
    assert.deepStrictEqual(
      results.map(outcomeOf).map(({ code, replayed }) => [code, replayed]),
      [
        ["OK", true],
        ["HRLD-2003", false]
      ]
    )
  })

  it("PX1 what is only validated is checked and not written", async () => {
    const item = { ...text("x"), key: "checked", validateOnly: true }
    const { answer } = await doors.unary(item)
    const bad = await doors.unary({ ...item, type: "number" })

    assert.deepStrictEqual([answer?.version, answer?.revision, answer?.clients], [0n, 0n, 0])
    assert.strictEqual(bad.error?.metadata.get("herald-code")[0], "HRLD-1003")
    assert.strictEqual((await doors.call("GET", "/v1/config/checked?environment=production")).status, 404)
  })
})
