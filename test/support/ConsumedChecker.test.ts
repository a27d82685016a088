import { assert, describe, it } from "@effect/vitest"
import { type Broken, checkConsumed, checkEffects, repeatsOf, type Took } from "./ConsumedChecker.ts"
import type { At } from "./TopicChecker.ts"

const at = (offset: number): At => ({ partition: 0, epoch: 1, offset })
/** Events 0, 1, 2, 3 with the keys a, b, a, a. */
const log = ["a.0", "b.1", "a.2", "a.3"].map((value, offset) => ({ at: at(offset), value }))
const keyOf = (value: string) => value.split(".", 1)[0]
const given = (offset: number, value = log[offset]!.value): Took => ({
  ...{ what: "given", at: at(offset), key: keyOf(value)!, value }
})
const done = (offset: number): Took => ({ what: "done", at: at(offset) })
const rejected = (offset: number): Took => ({ what: "rejected", at: at(offset) })
const worked = [0, 1, 2, 3].flatMap((offset) => [given(offset), done(offset)])
const kinds = (found: ReadonlyArray<Broken>) => [...new Set(found.map(({ anomaly }) => anomaly))]
const found = (history: ReadonlyArray<Took>, ordered = true, dead: ReadonlyArray<string> = []) =>
  kinds(checkConsumed(history, log, keyOf, { ordered, dead }))

describe("the checker of consumers", () => {
  it("HQ1 HQ2 HQ3 HQ4 finds nothing where nothing is wrong, and counts what came twice", () => {
    const history = [given(0), given(1), done(1), given(0), rejected(0), given(2), done(2), given(0), rejected(0)]
    const all = [...history, given(2), given(3), done(2), done(3), { what: "kept" } as const]
    assert.deepStrictEqual(found(all, true, ["0:1:0"]), [])
    assert.strictEqual(repeatsOf(all), 3)
  })

  it("HQ1 what is lost, and what the log does not have", () => {
    assert.deepStrictEqual(found(worked.slice(0, -1)), ["lost"])
    assert.deepStrictEqual(found([...worked, given(3, "a.9")]), ["foreign"])
    assert.deepStrictEqual(found([...worked, given(1, "a.2")]), ["foreign"])
  })

  it("HQ2 an event before those before it of its key, where there is an order", () => {
    const history = [given(1), done(1), given(2), given(0), done(0), done(2), given(3), done(3)]
    assert.deepStrictEqual(found(history), ["reordered"])
    assert.deepStrictEqual(found(history, false), [])
    assert.deepStrictEqual(found([given(0), done(0), given(3), given(2), done(2), done(3), given(1), done(1)]), [
      "reordered"
    ])
  })

  it("HQ3 dead letters that are lost, twice, or nobody's", () => {
    const history = [given(0), rejected(0), ...worked.slice(2)]
    assert.deepStrictEqual(found(history, true, []), ["dead-letter-lost"])
    assert.deepStrictEqual(found(history, true, ["0:1:0", "0:1:0"]), ["dead-letter-twice"])
    assert.deepStrictEqual(found(worked, true, ["0:1:1"]), ["foreign"])
  })

  it("HQ4 what comes again although it was kept", () => {
    assert.deepStrictEqual(found([...worked, { what: "kept" }, given(2)]), ["came-again"])
  })

  it("HQ5 effects that are lost, twice, or in another order", () => {
    const effects = (...values: ReadonlyArray<string>) => kinds(checkEffects(values, log, keyOf))
    assert.deepStrictEqual(effects("b.1", "a.0", "a.2", "a.3"), [])
    assert.deepStrictEqual(effects("a.0", "a.2", "a.3"), ["effect-lost"])
    assert.deepStrictEqual(effects("a.0", "b.1", "a.2", "a.3", "a.0"), ["effect-twice"])
    assert.deepStrictEqual(effects("a.2", "b.1", "a.0", "a.3"), ["effect-reordered"])
  })
})
