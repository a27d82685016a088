import { assert, describe, it } from "@effect/vitest"
import { format } from "../../../src/access/Token.ts"
import { tokenOf } from "../../../src/edge/grpc/Calls.ts"
import { environmentOfFlags } from "../../../src/flags/Selector.ts"

const key = format("0".repeat(16), "f".repeat(64))
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
const of = (said: Readonly<Record<string, string>>, host = "localhost:50051") =>
  tokenOf({
    host,
    metadata: { get: (name) => (said[name] === undefined ? [] : [said[name]]), getMap: () => said }
  })

describe("who calls", () => {
  it("G15 is said in whatever way a client can", () => {
    assert.strictEqual(of({ authorization: "Bearer x" }), "Bearer x")
    assert.strictEqual(of({ authorization: basic(`herald:${key}`) }), `Bearer ${key}`)
    assert.strictEqual(of({ authorization: basic(`:a:b`) }), "Bearer a:b")
    assert.strictEqual(of({ "x-api-key": "x" }), "Bearer x")
    assert.strictEqual(of({}, `${key}.flags`), `Bearer ${key}`)
    assert.strictEqual(of({ "flagd-selector": key }), `Bearer ${key}`)
  })

  it("G15 is what is said first, and never what only looks like it", () => {
    const all = { authorization: "Bearer a", "x-api-key": "b", "flagd-selector": key }
    assert.strictEqual(of(all, `${key}.flags`), "Bearer a")
    assert.strictEqual(of({ "x-api-key": "b", "flagd-selector": key }, `${key}.flags`), "Bearer b")
    assert.strictEqual(of({ authorization: "Basic !" }), "Basic !")
    assert.strictEqual(of({ authorization: basic("nothing") }), basic("nothing"))
    for (const selector of [`flagSetId=${key}`, `source=${key}`, `${key}x`, "production"])
      assert.isUndefined(of({ "flagd-selector": selector }))
    assert.isUndefined(of({}, `a.${key}`))
  })

  it("FG5 a selector that is a key names no flag set", () => {
    assert.deepStrictEqual(environmentOfFlags(key, ["staging"]), environmentOfFlags("", ["staging"]))
    assert.strictEqual(environmentOfFlags(`source=${key}`, [])._tag, "Failure")
    assert.notInclude(JSON.stringify(environmentOfFlags(`what=${key}`, [])), "f".repeat(64))
  })
})
