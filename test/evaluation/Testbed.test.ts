import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import type { Definition } from "../../src/evaluation/Definition.ts"
import { Flag, notFound } from "../../src/evaluation/Evaluator.ts"
import type { Bucketing } from "../../src/evaluation/Fractional.ts"

interface Case {
  readonly of: string
  readonly flag: string
  readonly type: string
  readonly context: Record<string, unknown>
  readonly fallback: unknown
  readonly value?: unknown
  readonly variant?: string
  readonly reason?: string
  readonly errorCode?: string
  readonly bucketing?: Bucketing
}
const testbed = JSON.parse(readFileSync(new URL("testbed.json", import.meta.url), "utf8"))
const cases: ReadonlyArray<Case> = testbed.cases

/** As flagd loads it, whatever it would be told at publish. */
const definitionOf = (flag: Record<string, never>): Definition => ({
  enabled: flag["state"] === "ENABLED",
  type: "string",
  variants: new Map(Object.entries(flag["variants"] ?? {})),
  defaultVariant: flag["defaultVariant"] || undefined,
  targeting: Object.keys(flag["targeting"] ?? {}).length === 0 ? undefined : flag["targeting"],
  evaluators: new Map(Object.entries(testbed.$evaluators)),
  metadata: flag["metadata"] ?? {},
  prerequisites: [],
  about: {}
})
const flagOf = (key: string, bucketing: Bucketing): Flag =>
  new Flag(key, definitionOf(testbed.flags[key]), {
    bucketing,
    ruleOf: () => undefined,
    flagOf: () => undefined,
    now: Date.now
  })
/** What a provider says of a value of another type than it asked for. */
const types: Readonly<Record<string, string>> = {
  Boolean: "boolean",
  String: "string",
  Integer: "number",
  Float: "number",
  Object: "object"
}

describe("flagd's testbed", () => {
  for (const bucketing of ["v2", "v3"] as const) {
    it(`FE6, FB3, FB4, FB5, FV1, FV2 its cases have the same answers, ${bucketing}`, () => {
      const its = cases.filter((one) => (one.bucketing ?? "v2") === bucketing)
      assert.isAbove(its.length, bucketing === "v2" ? 100 : 100)
      for (const one of its) {
        const told = JSON.stringify(one)
        const found = Object.hasOwn(testbed.flags, one.flag)
          ? flagOf(one.flag, bucketing).evaluate(one.context)
          : notFound(one.flag)
        const wrongType = found.value !== undefined && typeof found.value !== types[one.type]
        const code = wrongType ? "TYPE_MISMATCH" : found.errorCode
        if (Object.hasOwn(one, "value")) {
          assert.deepEqual(found.value === undefined || wrongType ? one.fallback : found.value, one.value, told)
        }
        if (one.variant !== undefined) assert.strictEqual(found.variant, one.variant, told)
        if (one.reason !== undefined) assert.strictEqual(wrongType ? "ERROR" : found.reason, one.reason, told)
        if (one.errorCode !== undefined) assert.strictEqual(code, one.errorCode as never, told)
      }
    })
  }
})
