import { assert, describe, it } from "@effect/vitest"
import { FlagdCore } from "@openfeature/flagd-core"
import { Result } from "effect"
import { Flag } from "../../src/evaluation/Evaluator.ts"
import type { Members } from "../../src/evaluation/Json.ts"
import { differences } from "../../src/evaluation/OtherEngines.ts"
import { ANY, readDefinition } from "../../src/evaluation/ReadDefinition.ts"
import { allocate, freeIn, overlap } from "../../src/experiments/Allocation.ts"
import { type Arm, BUCKETS, type Range } from "../../src/experiments/Experiment.ts"
import { formOf, OUTSIDE, served, sharesIn, split } from "../../src/experiments/Split.ts"

const people = Array.from({ length: 4_000 }, (_, n) => `user-${n}`)
const arms: ReadonlyArray<Arm> = [
  { variant: "off", share: 50 },
  { variant: "on", share: 50 }
]
const simple: Members = { enabled: true, percentage: 5, targetUsers: ["ann"], owner: "shop" }
const all: ReadonlyArray<Range> = [[0, BUCKETS]]
const how = { arms, salt: "a.1234:", layer: "", buckets: all, where: undefined }

const flagOf = (json: Members) => {
  const read = readDefinition(JSON.stringify(json), ANY)
  if (Result.isFailure(read)) throw new Error(JSON.stringify(read.failure))
  return new Flag("flag", read.success, {
    bucketing: "v2",
    ruleOf: () => undefined,
    flagOf: () => undefined,
    now: Date.now
  })
}
const variants = (json: Members, more: object = {}) => {
  const flag = flagOf(json)
  return people.map((targetingKey) => flag.evaluate({ targetingKey, ...more }).variant)
}
const share = (found: ReadonlyArray<unknown>, variant: string) =>
  found.filter((one) => one === variant).length / found.length

describe("Split", () => {
  it("XE5 XE6 everyone with a key is given a variant by its share, and always the same; who has none is outside", () => {
    const json = split(simple, how)
    assert.deepInclude(json, { owner: "shop", purpose: "experiment", state: "ENABLED", defaultVariant: "off" })
    assert.deepStrictEqual(json["variants"], { on: true, off: false, [OUTSIDE]: false })
    const found = variants(json)
    assert.closeTo(share(found, "on"), 0.5, 0.03)
    assert.strictEqual(share(found, "on") + share(found, "off"), 1)
    assert.deepStrictEqual(variants(json, { country: "de" }), found)
    assert.strictEqual(flagOf(json).evaluate({}).variant, OUTSIDE)
    assert.strictEqual(flagOf(json).evaluate({ targetingKey: "" }).variant, OUTSIDE)
    // Whose default is the caller's own stays so.
    const own = split({ state: "ENABLED", variants: { on: "a", off: "b" } }, { ...how, buckets: [[0, 100]] })
    assert.isUndefined(flagOf(own).evaluate({}).variant)
    assert.closeTo(variants(own).filter((one) => one === undefined).length / people.length, 0.9, 0.03)
    // Again, on what was split before.
    assert.deepStrictEqual(formOf(split(json, how)), formOf(json))
  })

  it("XE5 XE7 flagd's engine gives everyone the same variant, and no engine is said to read the rule otherwise", () => {
    for (const more of [
      how,
      {
        ...how,
        layer: "shop",
        buckets: [
          [100, 50],
          [700, 300]
        ] as ReadonlyArray<Range>
      },
      { ...how, buckets: [[0, 333]] as ReadonlyArray<Range>, where: { in: [{ var: "country" }, ["de", "at"]] } }
    ]) {
      const json = split(simple, more)
      assert.deepStrictEqual(differences(json["targeting"]!), [])
      const core = new FlagdCore()
      core.setConfigurations(JSON.stringify({ flags: { flag: json } }))
      const theirs = people.map(
        (targetingKey) => core.resolveBooleanEvaluation("flag", true, { targetingKey, country: "de" }, console).variant
      )
      assert.deepStrictEqual(theirs, variants(json, { country: "de" }))
    }
  })

  it("XE2 XE7 of a layer everyone is in one experiment at most, and what one did is spread evenly over the next", () => {
    const taken: Array<Range> = []
    const experiments = [300, 500, 200].map((wanted, n) => {
      const buckets = allocate(taken, wanted)!
      taken.push(...buckets)
      return variants(split(simple, { ...how, salt: `${n}.:`, layer: "shop", buckets }))
    })
    for (const [at] of people.entries()) {
      assert.strictEqual(experiments.filter((found) => found[at] !== OUTSIDE).length, 1)
    }
    assert.closeTo(1 - share(experiments[1]!, OUTSIDE), 0.5, 0.03)
    assert.isUndefined(allocate(taken, 1))
    // Of those who were on in the first one, half are on in one that has its buckets after it.
    const next = variants(split(simple, { ...how, salt: "next.:", layer: "shop", buckets: [[0, 300]] }))
    const were = next.filter((_, at) => experiments[0]![at] === "on")
    assert.closeTo(share(were, "on"), 0.5, 0.06)
  })

  it("XE2 buckets are given of one stretch where there is one, or else of several, and never twice", () => {
    assert.deepStrictEqual(allocate([], 10), [[0, 10]])
    assert.deepStrictEqual(
      allocate(
        [
          [0, 100],
          [300, 700]
        ],
        200
      ),
      [[100, 200]]
    )
    assert.deepStrictEqual(
      allocate(
        [
          [100, 100],
          [300, 600]
        ],
        250
      ),
      [
        [0, 100],
        [200, 100],
        [900, 50]
      ]
    )
    assert.isUndefined(allocate([[0, 999]], 2))
    assert.strictEqual(freeIn([[0, 999]]), 1)
    assert.isTrue(overlap([[0, 10]], [[9, 1]]))
    assert.isFalse(overlap([[0, 10]], [[10, 1]]))
  })

  it("XE6 whoever may not take part is outside, and what is served to all is what it was", () => {
    const json = split(simple, { ...how, where: { "==": [{ var: "country" }, "de"] } })
    assert.strictEqual(share(variants(json, { country: "fr" }), OUTSIDE), 1)
    assert.strictEqual(share(variants(json, { country: "de" }), OUTSIDE), 0)
    for (const variant of ["on", "off"]) {
      const after = served(json, variant)
      assert.deepStrictEqual(formOf(after).variants, { on: true, off: false })
      assert.strictEqual(share(variants(after), variant), 1)
      assert.strictEqual(share(variants(served(simple, variant)), variant), 1)
    }
    assert.deepInclude(served(json, "on"), { owner: "shop" })
  })

  it("XG1 shares are read from a rule with one place of buckets", () => {
    assert.deepStrictEqual(sharesIn({ enabled: true, percentage: 25 }), {
      arms: [
        { variant: "off", share: 75_000 },
        { variant: "on", share: 25_000 }
      ],
      plain: true
    })
    assert.deepInclude(sharesIn({ percentage: 25, targetUsers: ["ann"] }), { plain: false })
    assert.isUndefined(sharesIn({ enabled: true }))
    const fractional = {
      fractional: [
        ["a", 1],
        ["b", 2],
        ["a", 1]
      ]
    }
    const found = [
      { variant: "a", share: 2 },
      { variant: "b", share: 2 }
    ]
    assert.deepStrictEqual(sharesIn({ targeting: fractional }), { arms: found, plain: true })
    assert.deepStrictEqual(sharesIn({ targeting: { if: [{ var: "x" }, fractional, "a"] } }), {
      arms: found,
      plain: false
    })
    assert.isUndefined(sharesIn({ targeting: { if: [{ var: "x" }, fractional, fractional] } }))
    assert.isUndefined(sharesIn({}))
  })
})
