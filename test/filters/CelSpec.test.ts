/** What is refused or other than CEL has it is listed in cel-spec.json, name by name: the list is exact in both directions. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { cases, type Verdict, verdictOf } from "./CelSpec.ts"

interface Known {
  readonly right: number
  /** Errors where the suite has a value: what filters can't say. */
  readonly refused: ReadonlyArray<string>
  /** Values that the suite has not: whole numbers beyond 2^63 as doubles, times beyond a millisecond or a year of four digits, uints among others. */
  readonly wrong: ReadonlyArray<string>
}

const known = JSON.parse(readFileSync(new URL("cel-spec.json", import.meta.url), "utf8")) as Known

describe("CEL's conformance suite", () => {
  it("FZ1 is passed but for what is listed", () => {
    const found: { readonly [verdict in Verdict]: Array<string> } = { right: [], refused: [], wrong: [] }
    for (const { name, test } of cases()) found[verdictOf(test)].push(name)
    assert.deepStrictEqual({ ...found, right: found.right.length }, known)
  })
})
