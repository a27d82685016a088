/** What fuzzing found once is found again. */
import { describe, it } from "@effect/vitest"
import { corpusOf } from "./Corpus.ts"
import { type TargetName, targets } from "./Targets.ts"

describe("the corpus of fuzzing", () => {
  for (const name of Object.keys(targets) as ReadonlyArray<TargetName>)
    it(`CC11 FM1 HX3 ${name}: no input breaks what has to be so`, async () => {
      for (const input of corpusOf(name)) await targets[name](input)
    })
})
