import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { incoming } from "../../src/client/Incoming.ts"
import { baseOf, isShort, leadsTo, maySend, patched } from "../../src/delta/Delta.ts"
import { delta } from "../../src/values/Diff.ts"

describe("Delta", () => {
  it.prop(
    "DT1 what a client makes of a delta that is sent is the new text, byte for byte",
    [Schema.Json, Schema.Json],
    ([before, after]) => {
      const [from, to] = [JSON.stringify([before, "x".repeat(300)]), JSON.stringify([after, "x".repeat(300)])]
      const found = delta(from, to)
      if (found !== undefined) assert.strictEqual(patched(from, found), to)
    }
  )

  it("DT1 nothing is sent that is longer, can't be applied, or leads elsewhere", () => {
    const to = JSON.stringify({ a: 2, padding: "x".repeat(100) })
    const from = to.replace("2", "1")
    const replace = (path: string, value: number) => JSON.stringify([{ op: "replace", path, value }])

    assert.isTrue(leadsTo(from, replace("/a", 2), to))
    assert.isFalse(leadsTo(from, replace("/a", 3), to))
    assert.isFalse(leadsTo(from, replace("/none", 2), to))
    assert.isFalse(leadsTo("{", replace("/a", 2), to))
    assert.isFalse(leadsTo('{"a":1}', JSON.stringify([{ op: "replace", path: "", value: { a: 2 } }]), '{"a":2}'))
    assert.isFalse(isShort("", "x".repeat(65_537)))
  })

  it("DT2 it builds on the last value that the client applied, if it takes deltas", () => {
    const value = { kind: "value", digest: "d" } as const

    assert.strictEqual(baseOf(true, true, value), "d")
    assert.strictEqual(baseOf(false, true, value), "")
    assert.strictEqual(baseOf(true, false, value), "")
    assert.strictEqual(baseOf(true, true, { ...value, kind: "deleted" }), "")
    assert.strictEqual(baseOf(true, true, undefined), "")
  })

  it("DT3 templates and deletions travel whole", () => {
    assert.isTrue(maySend({ deleted: false, template: false }))
    assert.isFalse(maySend({ deleted: true, template: false }))
    assert.isFalse(maySend({ deleted: false, template: true }))
  })

  it("DT4 a client that can't use it asks for the whole", () => {
    const update = {
      kind: UpdateKind.UPDATE_KIND_VALUE,
      content: Buffer.from('[{"op":"replace","path":"/a","value":2}]'),
      deltaBase: "base",
      digest: "of another text"
    } as Parameters<typeof incoming>[0]

    for (const held of [undefined, '{"a":1}', '{"b":1}', "no JSON"])
      assert.strictEqual(incoming(update, () => held).kind, "mismatch")
  })
})
