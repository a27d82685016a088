import { assert, describe, it } from "@effect/vitest"
import type { Bucketing } from "../../src/evaluation/Fractional.ts"
import { received, sent } from "../../src/evaluation/Sent.ts"
import { dice } from "../support/Chance.ts"
import { definitionOf, flagsOf, NOON, problemsOf } from "../support/Definitions.ts"
import { drawContext, drawRule, variants } from "./Drawn.ts"

/** Drawn flags, of which each may need the ones before it. */
const drawn = (seed: number) => {
  const { next, below, of } = dice(seed)
  const given: Record<string, unknown> = {}
  for (let n = 0; n < 6; n++) {
    const needs = Array.from({ length: below(3) }, () => ({
      flag: `f${below(Math.max(1, n))}`,
      variant: of(["on", "off", "blue", "true", "1"])
    }))
    const flag = { variants, state: next() < 0.9 ? "ENABLED" : "DISABLED", defaultVariant: of(["off", "on", null]) }
    let at = seed * 1_000 + n * 50
    while (problemsOf({ ...flag, targeting: drawRule(at) }).length > 0) at++
    given[`f${n}`] = {
      ...flag,
      targeting: drawRule(at),
      metadata: { seed },
      ...(n === 0 || needs.length === 0 ? {} : { prerequisites: needs })
    }
  }
  return given
}

const parsed = (text: string): unknown => JSON.parse(text)

describe("what is sent of flags", () => {
  for (const bucketing of ["v2", "v3"] as const satisfies ReadonlyArray<Bucketing>) {
    it(`FK1 whoever evaluates it is answered as the server answers, whatever the rule: ${bucketing}`, () => {
      for (let seed = 1; seed <= 60; seed++) {
        const given = drawn(seed)
        const there = flagsOf(given, { bucketing })
        const definitions = new Map(Object.entries(given).map(([key, one]) => [key, definitionOf(one)]))
        const exporting = { ruleOf: () => undefined, definitionOf: (name: string) => definitions.get(name) }
        for (const [key, definition] of definitions) {
          const here = received(key, parsed(sent(key, definition, exporting, bucketing)), () => NOON)
          if (typeof here === "string") return assert.fail(`${here}: ${JSON.stringify(given[key])}`)
          for (let n = 0; n < 15; n++) {
            const context = drawContext(seed * 1_000 + n)
            assert.deepStrictEqual(
              here.evaluate(context),
              there.get(key)!.evaluate(context),
              `${seed} ${key} ${JSON.stringify(context)} ${JSON.stringify(given)}`
            )
          }
        }
      }
    })
  }

  it("FK2 whatever comes is refused or can be evaluated: nothing throws", () => {
    const { below, of } = dice(7)
    const parts: ReadonlyArray<unknown> = [
      null,
      1,
      "on",
      true,
      [],
      {},
      [null],
      { if: [] },
      { "": 1 },
      { var: { var: "a" } }
    ]
    const texts = Object.entries(drawn(3)).map(([key, one]) =>
      sent(key, definitionOf(one), { ruleOf: () => undefined, definitionOf: () => undefined }, "v2")
    )
    const broken = (value: unknown): unknown => {
      if (below(12) === 0) return of(parts)
      if (Array.isArray(value)) return value.map(broken)
      if (typeof value !== "object" || value === null) return value
      return Object.fromEntries(
        Object.entries(value).map(([name, one]) => [below(20) === 0 ? `${name}x` : name, broken(one)])
      )
    }
    let [refused, evaluated] = [0, 0]
    for (let n = 0; n < 2_000; n++) {
      const flag = received("x", broken(parsed(of(texts))), () => NOON)
      if (typeof flag === "string") refused++
      else {
        flag.evaluate(drawContext(n))
        evaluated++
      }
    }
    assert.isAbove(refused, 100)
    assert.isAbove(evaluated, 100)
  })
})
