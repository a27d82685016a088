import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { countOf, type Wanted, want, wantAll } from "../../src/filters/Wanted.ts"

const Path = Schema.NonEmptyArray(Schema.Literals(["a", "b", "c"])).check(Schema.isMaxLength(4))
const Paths = Schema.Array(Path)

const all = (paths: ReadonlyArray<ReadonlyArray<string>>) => {
  const fields = new Map<string, Wanted>()
  for (const path of paths) want(fields, path, "dyn")
  return fields
}
/** Every name, and whether all below it is wanted. */
const listed = (fields: ReadonlyMap<string, Wanted>, before = ""): ReadonlyArray<string> =>
  [...fields]
    .flatMap(([name, { whole, fields: inside }]) => {
      const path = `${before}/${name}`
      return [`${path} ${whole}`, ...listed(inside, path)]
    })
    .sort()

describe("what is wanted", () => {
  it.prop("WD1 of several is what each of them wants, and no more", [Paths, Paths], ([one, other]) => {
    const [together, expected] = [all(one), all([...one, ...other])]
    assert.strictEqual(wantAll(together, all(other)), listed(all(one)).join() !== listed(expected).join())
    assert.deepStrictEqual(listed(together), listed(expected))
    assert.strictEqual(countOf(together), listed(expected).length)
    assert.isFalse(wantAll(together, all(other)))
  })
})
