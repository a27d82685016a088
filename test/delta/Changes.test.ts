import { assert, describe, it } from "@effect/vitest"
import { changedBy, changeOf, MEMBERS, writtenOf } from "../../src/delta/Changes.ts"
import { dice } from "../support/Chance.ts"

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const text = (payload: Uint8Array) => Buffer.from(payload).toString()

const NAMES = ['"a"', '"b"', '"c\\""', '"d}"', '"é,"', '""']
const VALUES = ["1", "1.0", "-2.50e3", "null", "true", '"x"', '"}\\",{"', "[1,[2],{}]", '{"a":{"b":"]"}}', '""']

/** A JSON object whose fields are, more or less, those of another in their order. */
const drawn = (seed: number) => {
  const draw = dice(seed)
  const all = NAMES.filter(() => draw.below(4) > 0)
  if (draw.below(6) === 0) all.reverse()
  return () => {
    const names = all.filter(() => draw.below(5) > 0)
    return `{${names.map((name) => `${name}:${draw.of(VALUES.slice(0, 2 + draw.below(VALUES.length - 1)))}`).join(",")}}`
  }
}

describe("changes", () => {
  it("XC1 what is put together again is what was written, byte for byte", () => {
    let differences = 0
    for (let seed = 1; seed <= 400; seed++) {
      const next = drawn(seed)
      let [before, there] = [writtenOf(bytes(next())), undefined as ReturnType<typeof writtenOf>]
      there = before
      for (let n = 0; n < 20; n++) {
        const payload = bytes(next())
        assert.doesNotThrow(() => JSON.parse(text(payload)), `seed ${seed}`)
        const now = writtenOf(payload)
        const change = before === undefined || now === undefined ? undefined : changeOf(before, now)
        if (change === undefined) there = now
        else {
          differences++
          assert.doesNotThrow(() => JSON.parse(text(change.payload)))
          assert.isBelow(change.payload.length, payload.length)
          there = changedBy(there!, change)
          assert.strictEqual(text(there!.bytes), text(payload), `seed ${seed}`)
        }
        before = now
      }
    }
    assert.isAbove(differences, 1_000)
  })

  it("XC1 what has blanks, a name twice, or moved fields is sent as it is", () => {
    for (const odd of [
      '{"a":1, "b":2}',
      '{ "a":1}',
      '{"a" :1}',
      '{"a":1}\n',
      "{}",
      "[1]",
      "1",
      "",
      '{"a":1,"a":2}',
      '{"a":}',
      '{"a":1,}'
    ])
      assert.isUndefined(writtenOf(bytes(odd)), odd)
    const of = (before: string, now: string) => changeOf(writtenOf(bytes(before))!, writtenOf(bytes(now))!)
    assert.isUndefined(of('{"a":1,"b":2}', '{"b":2,"a":1}'))
    assert.isUndefined(of('{"b":1}', '{"a":1,"b":1}'), "a new field that is not the last")
    assert.isUndefined(of('{"a":1}', '{"a":2}'), "it is no less")
    const { payload, gone } = of('{"a":1,"b":[1,2],"c":3}', '{"b":[1,2],"c":4,"d":5}')!
    assert.deepStrictEqual([text(payload), gone], ['{"c":4,"d":5}', [0]])
    const many = `{${Array.from({ length: MEMBERS + 1 }, (_, n) => `"${n}":0`).join(",")}}`
    assert.isUndefined(writtenOf(bytes(many)))
  })

  it("XC2 whatever bytes come, nothing is thrown", () => {
    const draw = dice(7)
    const pieces = [...NAMES, ...VALUES, "{", "}", "[", "]", ",", ":", '"', "\\", "\u0000", " "]
    const before = writtenOf(bytes('{"a":1,"b":2}'))!
    for (let n = 0; n < 5_000; n++) {
      const payload = bytes(Array.from({ length: draw.below(12) }, () => draw.of(pieces)).join(""))
      const written = writtenOf(payload)
      if (written !== undefined) changeOf(before, written)
      changedBy(before, { payload, gone: [draw.below(4)] })
    }
    assert.isUndefined(changedBy(before, { payload: bytes('{"a":2}'), gone: [2] }))
    assert.strictEqual(text(changedBy(before, { payload: bytes("{}"), gone: [] })!.bytes), '{"a":1,"b":2}')
  })
})
