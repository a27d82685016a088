import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Flag } from "../../src/evaluation/Evaluator.ts"
import { readDefinition } from "../../src/evaluation/ReadDefinition.ts"
import { raised } from "../../src/rollouts/Raise.ts"
import { how, toggle } from "../support/Definitions.ts"

const textOf = (flag: object, variant: string, share: number, salt = "salt"): string => {
  const made = raised(JSON.stringify(flag), variant, share, salt)
  if ("problem" in made) throw new Error(made.problem)
  return made.definition
}
const evaluated = (text: string, context: object) => {
  const definition = Result.getOrThrowWith(readDefinition(text), (problems) => new Error(JSON.stringify(problems)))
  return new Flag("checkout", definition, how()).evaluate(context as never).variant
}
const PEOPLE = Array.from({ length: 1_000 }, (_, n) => ({
  targetingKey: `user-${n}`,
  plan: n % 2 === 0 ? "pro" : "free"
}))
const served = (text: string) => PEOPLE.map((one) => evaluated(text, one))

const three = {
  state: "ENABLED",
  variants: { old: "a", new: "b", other: "c" },
  defaultVariant: "old",
  targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "other"] }
}

describe("Raise", () => {
  it("QR1 who has the variant has it at every larger share, and everybody else what the flag said before", () => {
    for (const [flag, variant, shares] of [
      [three, "new", [0.001, 0.01, 0.1, 0.5, 1]],
      [toggle(), "on", [0.01, 0.1, 0.5, 1]],
      [{ enabled: true, percentage: 1, targetUsers: ["user-3"] }, "on", [0.05, 0.5, 1]],
      [{ enabled: true, percentage: 0 }, "on", [0.05, 0.5, 1]]
    ] as const) {
      const before = served(JSON.stringify(flag))
      let last: ReadonlyArray<string | undefined> = before
      for (const share of shares) {
        const now = served(textOf(flag, variant, share))
        const have = now.filter((one) => one === variant).length
        assert.closeTo(have, 1_000 * share, 45, `${share}`)
        for (const [nth, one] of now.entries()) {
          if (last[nth] === variant) assert.strictEqual(one, variant)
          else if (one !== variant) assert.strictEqual(one, before[nth])
        }
        last = now
      }
    }
  })

  it("QR1 who has no targeting key gets what the flag said before, until all have the variant", () => {
    assert.strictEqual(evaluated(textOf(three, "new", 0.99), {}), "old")
    assert.strictEqual(evaluated(textOf(three, "new", 0.99), { plan: "pro" }), "other")
    assert.strictEqual(evaluated(textOf(three, "new", 1), {}), "new")
  })

  it("QR1 another rollout begins with others", () => {
    const firsts = (salt: string) => PEOPLE.filter((one) => evaluated(textOf(three, "new", 0.1, salt), one) === "new")
    const [one, other] = [new Set(firsts("one")), firsts("other")]
    assert.isBelow(other.filter((of) => one.has(of)).length, 40)
  })

  it("QR2 all else stands as it was written", () => {
    const text = '{ "variants": {"big": 1.00, "small":9007199254740993 }, "defaultVariant":"big","metadata":{"a": 1e2}}'
    const made = raised(text, "small", 0.5, "s")
    assert.isTrue("definition" in made)
    const { definition } = made as { definition: string }
    assert.isTrue(
      definition.startsWith(
        '{"variants":{"big": 1.00, "small":9007199254740993 },"defaultVariant":"big","metadata":{"a": 1e2},"targeting":{"if":['
      )
    )
    const rule = JSON.stringify({ variants: { on: true, off: false }, targeting: { var: "x" }, defaultVariant: "on" })
    assert.include(textOf(JSON.parse(rule), "on", 0.5), ',"on",{"var":"x"}]}')
  })

  it("QR3 at the whole it is as a person would write it", () => {
    const { targeting: _, ...plain } = three
    assert.strictEqual(textOf(three, "new", 1), JSON.stringify({ ...plain, defaultVariant: "new" }))
    assert.strictEqual(textOf({ enabled: true, percentage: 1 }, "on", 1), '{"enabled":true,"percentage":100}')
  })

  it("what can't be raised says why", () => {
    const why = (flag: object, variant: string, share: number) => {
      const made = raised(JSON.stringify(flag), variant, share, "s")
      return "problem" in made ? made.problem : ""
    }
    assert.strictEqual(why(toggle(), "blue", 0.5), "it has no variant blue: there are on, off")
    assert.strictEqual(why(toggle(undefined, { state: "DISABLED" }), "on", 0.5), "it is disabled")
    assert.strictEqual(why({ variants: { on: true }, defaultVariant: "on" }, "on", 0.5), "it has no variant but on")
    assert.strictEqual(why({ enabled: true }, "on", 0.5), "it is on for 100% already")
    assert.strictEqual(why({ percentage: 60 }, "on", 0.5), "it is on for 60% already")
    assert.strictEqual(why({ enabled: false, percentage: 0 }, "on", 0.5), "it is off for everybody")
    assert.include(why({ percentage: 0 }, "off", 0.5), "no off to raise")
  })
})
