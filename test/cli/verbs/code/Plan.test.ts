/** What a plan changes, and what it leaves alone. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { EVERYTHING } from "../../../../src/cli/verbs/code/Manifest.ts"
import { type Found, planOf, releaseOf, type Shape } from "../../../../src/cli/verbs/code/Plan.ts"

const shape = (name: string, digest = "d", more: Partial<Shape> = {}): Shape => ({
  ...{ name, digest, type: "json", strict: false, schema: "" },
  ...more
})
const byName = <A extends { readonly name: string }>(all: ReadonlyArray<A>) =>
  new Map(all.map((one) => [one.name, one]))
const there = (name: string, version: number, more: Partial<Found> = {}): Found => ({
  ...shape(name),
  version,
  ...more
})

describe("a plan", () => {
  it("JA3 leaves alone what is as it is wanted, and says of the rest what differs", () => {
    const found = byName([there("a", 3), there("b", 4), there("c", 5), there("d", 6), there("e", 7)])
    const wanted = byName([
      shape("a"),
      shape("b", "other"),
      shape("c", "d", { type: "yaml" }),
      shape("d", "d", { schema: "{}" }),
      shape("e", "other", { strict: true }),
      shape("f")
    ])
    const { steps, unchanged } = planOf(wanted, found)
    assert.strictEqual(unchanged, 1)
    assert.deepStrictEqual(
      steps.map(({ name, action, version, parts }) => [name, action, version, parts.join()]),
      [
        ["b", "update", 4, "value"],
        ["c", "update", 5, "type"],
        ["d", "update", 6, "schema"],
        ["e", "update", 7, "value,strict"],
        ["f", "create", 0, ""]
      ]
    )
  })

  it("JA2 deletes only within the patterns that are pruned", () => {
    const found = byName([there("a.x", 1), there("a", 2), there("b", 3), there("@flag/a.x", 4), there("@flag/b", 5)])
    const gone = (prune: ReadonlyArray<string>) => planOf(new Map(), found, prune).steps.map(({ name }) => name)
    assert.deepStrictEqual(gone([]), [])
    assert.deepStrictEqual(gone(["a.*"]), ["a.x"])
    assert.deepStrictEqual(gone(["*"]), ["a", "a.x", "b"])
    assert.deepStrictEqual(gone(["@flag/*"]), ["@flag/a.x", "@flag/b"])
    assert.deepStrictEqual(gone(["@flag/a.*", "b"]), ["@flag/a.x", "b"])
  })

  it("JA1 each change of a release expects the version that the plan was made from", () => {
    const found = byName([there("a", 3), there("@flag/f", 9), there("gone", 4)])
    const wanted = byName([shape("a", "x"), shape("new"), shape("@flag/f", "x"), shape("@segment/s")])
    const { steps } = planOf(wanted, found, ["*"])
    const content = { text: "1.10", type: "json", strict: true, schema: { a: 1 } } as const
    const contents = new Map([...wanted.keys()].map((name) => [name, content]))
    const environment = "production"
    const its = { environment, value: "1.10" }
    const more = { type: "json", strict: true, schema: { a: 1 } }
    assert.deepStrictEqual(releaseOf(environment, steps, contents, false), {
      changes: [
        { key: "a", ...its, expectedVersion: 3, ...more },
        { key: "gone", environment, value: null, expectedVersion: 4 },
        { key: "new", ...its, expectedVersion: 0, ...more }
      ],
      flags: [{ flag: "f", ...its, expectedVersion: 9 }],
      segments: [{ segment: "s", ...its, expectedVersion: 0 }]
    })
    const archived = planOf(new Map(), byName([there("@flag/f", 9)]), ["@flag/*"]).steps
    assert.deepStrictEqual(releaseOf(environment, archived, new Map(), true).flags, [
      { flag: "f", environment, value: null, expectedVersion: 9, force: true }
    ])
  })

  const Some = Schema.Array(
    Schema.Struct({
      name: Schema.Literals(["a", "b", "c.d", "@flag/f", "@segment/s"]),
      digest: Schema.Literals(["1", "2"]),
      type: Schema.Literals(["json", "yaml"]),
      strict: Schema.Boolean,
      schema: Schema.Literals(["", "{}"])
    })
  )
  it.prop("JA3 what a plan made is what was wanted: the plan behind it is empty", [Some, Some], ([want, have]) => {
    const wanted = byName<Shape>(want)
    const found = byName(have.map((one): Found => ({ ...one, version: 1 })))
    const after = new Map(found)
    for (const { name, action, version } of planOf(wanted, found, EVERYTHING).steps)
      if (action === "delete") after.delete(name)
      else after.set(name, { ...wanted.get(name)!, version: version + 1 })
    assert.deepStrictEqual(planOf(wanted, after, EVERYTHING).steps, [])
    assert.sameMembers([...after.keys()], [...wanted.keys()])
  })
})
