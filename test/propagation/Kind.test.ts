import { assert, describe, it } from "@effect/vitest"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import { makeKinds } from "../../src/propagation/Kind.ts"
import { configuration, revisionOf } from "../support/Configuration.ts"
import { toyKind } from "../support/Toy.ts"

const kinds = makeKinds(configurationKind, toyKind)
const one = { kind: "toy", environment: "production", key: "svc", revision: 7n, count: 3 } as const
const said = (value: object): unknown => JSON.parse(JSON.stringify(value))

describe("kinds of changes", () => {
  it("KI1 a change that names no kind is of the first; the others are told with theirs, and come back as they were", () => {
    const { kind: _, ...stored } = { ...configuration("svc", 7), revision: "7" }
    assert.deepStrictEqual(kinds.fromLog(stored), configuration("svc", 7))
    assert.notProperty(kinds.toLane(configuration("svc", 7)), "kind")
    assert.propertyVal(kinds.toLane(one), "kind", "toy")
    for (const change of [configuration("svc", 7), configuration("svc", 8, { deleted: true, value: "" }), one])
      assert.deepStrictEqual(kinds.fromLane(said(kinds.toLane(change))), change)
    assert.deepStrictEqual(kinds.fromLog({ ...one, revision: "7" }), one)
  })

  it("KI2 a change of a kind that is not known is passed on by what it is of, and weighs something", () => {
    const strange = { kind: "flag", environment: "production", key: "svc" }
    assert.deepStrictEqual(kinds.fromLog({ ...strange, rules: [] }), strange)
    assert.deepStrictEqual(kinds.fromLane(said({ ...strange, rules: [] })), strange)
    assert.deepStrictEqual(said(kinds.toLane(strange)), strange)
    assert.isAbove(kinds.bytesOf({ ...revisionOf(1, []), changes: [strange] }), kinds.bytesOf(revisionOf(1, [])))
  })

  it("KI4 a change of every kind is told under its word, by one name; of one that is not known nothing is", () => {
    const gone = configuration("svc.a", 8, { deleted: true, value: "" })
    const strange = { kind: "flag", environment: "production", key: "svc" }
    assert.deepStrictEqual(kinds.names, ["configuration", "toy"])
    assert.deepInclude(kinds.told(configuration("svc.a", 7)), {
      word: "config",
      service: "svc",
      version: 7,
      deleted: false
    })
    assert.deepInclude(kinds.told(gone), { deleted: true, value: null })
    assert.deepInclude(kinds.told(one), { word: "toy", service: "", value: "3", valueType: "number" })
    assert.isUndefined(kinds.told(strange))
    assert.deepStrictEqual([configuration("svc.a", 7), one, strange].map(kinds.nameOf), [
      "production/svc.a",
      "@toy/production/svc",
      "@flag/production/svc"
    ])
  })

  it("KI3 what is no change, or none of its kind, is refused", () => {
    const { value: _, ...lacking } = said(kinds.toLane(configuration("svc", 7))) as Record<string, unknown>
    for (const wrong of [null, 1, "x", [], {}, lacking, { kind: "toy", count: "1" }, { kind: "flag", key: "svc" }])
      assert.isUndefined(kinds.fromLane(wrong), JSON.stringify(wrong))
  })
})
