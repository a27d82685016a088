/** Who is in a cohort, from nothing but the rollout and what the client says of itself. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { bucketOf, cameIn, isNamed } from "../../src/rollouts/Cohort.ts"
import { plan, stage } from "../support/Rollouts.ts"

const client = (instance: string, labels: Record<string, string> = {}) => ({ instance, labels })
/** As an implementation of MurmurHash3_x86_32 in Python has them. */
const BUCKETS = [
  ["salt", "web-1", 2_418_068_035],
  ["salt", "web-2", 31_247_231],
  ["", "web-1", 566_877_059],
  ["r17", "größe-ß", 1_410_114_512],
  ["s", "日本", 385_260_548]
] as const

const begun = (...bounds: ReadonlyArray<number>) =>
  bounds.map((below, n) => ({ revision: BigInt(10 + n), at: n, below }))

describe("Cohort", () => {
  it("CE2 a bucket is murmur3 of salt, U+0000 and name in UTF-8", () => {
    for (const [salt, name, bucket] of BUCKETS) assert.strictEqual(bucketOf(salt, name), bucket)
    assert.notStrictEqual(bucketOf("a", "b"), bucketOf("b", "a"))
  })

  it("CE2 buckets are spread evenly, and those of two rollouts have nothing to do with each other", () => {
    const names = Array.from({ length: 20_000 }, (_, n) => `service-${n % 50}-${n}`)
    const tenth = (salt: string) => names.filter((name) => bucketOf(salt, name) < 2 ** 32 / 10)
    const [one, other] = [tenth("one"), new Set(tenth("other"))]
    assert.closeTo(one.length, 2_000, 200)
    assert.closeTo(one.filter((name) => other.has(name)).length, 200, 70)
  })

  it("CE1 the first stage that has it says since when it has the change", () => {
    const stages = [stage(1, { where: { region: "eu" } }), stage(10, { instances: ["b"] }), stage(100)]
    const rollout = { plan: plan({ stages }), salt: "s", begun: begun(2 ** 32, 2 ** 32, 2 ** 31) }
    assert.deepInclude(cameIn(rollout, client("a", { region: "eu" })), { stage: 0, revision: 10n })
    assert.deepInclude(cameIn(rollout, client("b")), { stage: 1, revision: 11n })
    const names = Array.from({ length: 64 }, (_, n) => `i${n}`)
    const inside = names.filter((name) => cameIn(rollout, client(name)) !== undefined)
    assert.deepStrictEqual(
      inside,
      names.filter((name) => bucketOf("s", name) < 2 ** 31)
    )
    assert.isUndefined(cameIn({ ...rollout, begun: [] }, client("a", { region: "eu" })))
    assert.isUndefined(cameIn({ ...rollout, begun: begun(0) }, client("a", { region: "eu" })))
    assert.isFalse(isNamed(stages[0]!, client("a", { region: "us" })))
    assert.isFalse(isNamed(stage(1, { where: { constructor: "x" } }), client("a")))
  })

  it("CE1 BJ3 who was taken by name is in, if the stage names it", () => {
    const stages = [stage(1, { where: { region: "eu" }, share: { count: 1 } }), stage(100)]
    const rollout = { plan: plan({ stages }), salt: "s", begun: [{ ...begun(0)[0]!, also: ["a"] }] }
    assert.deepInclude(cameIn(rollout, client("a", { region: "eu" })), { stage: 0, revision: 10n })
    assert.isUndefined(cameIn(rollout, client("a", { region: "us" })))
    assert.isUndefined(cameIn(rollout, client("b", { region: "eu" })))
  })

  it.prop(
    "CE1 CE2 who is in stays in, since the same transition, whatever stages begin later",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 }))), Schema.String],
    ([bounds, instance]) => {
      const rollout = { plan: plan({ stages: bounds.map(() => stage(1)) }), salt: "s", begun: begun(...bounds) }
      let first: ReturnType<typeof cameIn>
      for (let n = 0; n <= bounds.length; n++) {
        const now = cameIn({ ...rollout, begun: rollout.begun.slice(0, n) }, client(instance))
        if (first !== undefined) assert.deepStrictEqual(now, first)
        first = now
      }
    }
  )
})
