/** A program: evaluates drawn rules with drawn contexts, in both ways of bucketing, and prints a digest of all answers. */
import { createHash } from "node:crypto"
import type { Definition } from "../../src/evaluation/Definition.ts"
import { Flag } from "../../src/evaluation/Evaluator.ts"
import { drawContext, drawRule, variants } from "./Drawn.ts"

const RULES = 400
const digest = createHash("sha256")
const reasons = new Set<string>()
for (let seed = 1; seed <= RULES; seed++) {
  for (const bucketing of ["v2", "v3"] as const) {
    const definition: Definition = {
      ...{
        enabled: true,
        type: "string" as const,
        variants: new Map(Object.entries(variants)),
        defaultVariant: "blue"
      },
      ...{ targeting: drawRule(seed) as never, evaluators: new Map(), metadata: {}, prerequisites: [], about: {} }
    }
    const how = { bucketing, ruleOf: () => undefined, flagOf: () => undefined, now: () => 1_800_000_000_000 }
    const flag = new Flag("drawn", definition, how)
    for (let n = 0; n < 10; n++) {
      const { variant, reason, errorCode } = flag.evaluate(drawContext(seed * 100 + n))
      reasons.add(reason)
      digest.update(`${variant} ${reason} ${errorCode}\n`)
    }
  }
}
console.log(`${digest.digest("hex")} ${[...reasons].sort().join()}`)
