import { assert, describe, it } from "@effect/vitest"
import type { RateGate } from "../../src/plans/Plan.ts"
import { addendsOf, countersOf, rate } from "../../src/rollouts/Rates.ts"

const gate = (against: RateGate["against"], given: Partial<RateGate> = {}): RateGate => ({
  type: "rate",
  text: "errors/requests",
  dryRun: false,
  numerator: "errors",
  denominator: "requests",
  against,
  alpha: 0.01,
  minimum: 100,
  ...given
})

type Counted = readonly [requests: number, errors: number]

const metricsOf = (its: RateGate, cohort: ReadonlyArray<Counted>, control: ReadonlyArray<Counted>) => {
  const metrics: Record<string, { cohort: number; control: number }> = {}
  for (const [side, instances] of [
    ["cohort", cohort],
    ["control", control]
  ] as const)
    for (const [n, [requests, errors]] of instances.entries())
      for (const [name, value] of Object.entries(addendsOf([its], `${side}-${n}`, { requests, errors })))
        (metrics[name] ??= { cohort: 0, control: 0 })[side] += value
  return metrics
}

const read = (its: RateGate, cohort: ReadonlyArray<Counted>, control: ReadonlyArray<Counted> = []) =>
  rate(its, metricsOf(its, cohort, control))

const many = (instances: number, requests: number, errors: number): ReadonlyArray<Counted> =>
  Array.from({ length: instances }, (_, n) => [requests, errors + (n % 3) - 1] as const)

const LIMIT = gate({ limit: 0.01 })
const CONTROL = gate({ control: 1.2 })

describe("gates of rates", () => {
  it("VG1 twice the errors are bad, against a limit and against a control, and it says why in numbers", () => {
    const limit = read(LIMIT, many(10, 1_000, 20), many(90, 1_000, 5))
    assert.strictEqual(limit.verdict, "bad")
    assert.match(
      limit.text,
      /^199 errors of 10,000 requests of 10 instances \(1\.99%\), 1\.\d+% to 2\.\d+% at 99%, limit 1%; evidence (over )?[\d,]+, and 100 takes it back$/
    )
    assert.isTrue(limit.low! > 0.01 && limit.value! > limit.low! && limit.high! > limit.value!)
    const control = read(CONTROL, many(10, 1_000, 25), many(90, 1_000, 10))
    assert.strictEqual(control.verdict, "bad")
    assert.match(
      control.text,
      /\(2\.49%\) against 1% of 90 instances, 1\.\d+× to \d\.\d+× at 99%, limit 1\.2×; evidence/
    )
  })

  it("VG1 one instance alone takes nothing back, whatever it counts", () => {
    const others = many(90, 1_000, 10)
    for (const its of [[1_000, 1_000] as const, [1e12, 1e12] as const]) {
      assert.notStrictEqual(read(LIMIT, [its]).verdict, "bad")
      assert.notStrictEqual(read(CONTROL, [...many(9, 1_000, 8), its], others).verdict, "bad")
      assert.notStrictEqual(read(LIMIT, [...many(9, 1_000, 8), its]).verdict, "bad")
    }
    assert.match(read(LIMIT, [[1_000, 1_000]]).text, /one instance decides nothing$/)
  })

  it("VG1 VK2 nor does one that goes from node to node, and counts everywhere", () => {
    for (const its of [LIMIT, CONTROL]) {
      const metrics = metricsOf(its, many(9, 1_000, 8), many(90, 1_000, 10))
      for (let node = 0; node < 8; node++)
        for (const [name, value] of Object.entries(addendsOf([its], "liar", { requests: 1e5, errors: 1e5 })))
          metrics[name] = { cohort: (metrics[name]?.cohort ?? 0) + value, control: metrics[name]?.control ?? 0 }
      assert.strictEqual(rate(its, metrics).verdict, "unknown")
    }
  })

  it("VG2 as usual is good, few requests are unknown, and so is what can't be told", () => {
    assert.strictEqual(read(LIMIT, many(10, 1_000, 5)).verdict, "good")
    assert.strictEqual(read(LIMIT, [[1_000, 5]]).verdict, "good")
    assert.strictEqual(read(CONTROL, many(10, 1_000, 10), many(90, 1_000, 10)).verdict, "good")
    assert.strictEqual(read(CONTROL, many(10, 1_000, 11), many(90, 1_000, 9)).verdict, "good")
    const few = read(
      LIMIT,
      many(9, 10, 0).map(([n]) => [n, 0] as const)
    )
    assert.strictEqual(few.verdict, "unknown")
    assert.match(few.text, /fewer than 100 requests decide nothing$/)
    const differ = read(LIMIT, [...many(4, 1_000, 3), [1_000, 200]])
    assert.strictEqual(differ.verdict, "unknown")
    assert.match(differ.text, /instances differ too much, or are too few, to tell$/)
    assert.strictEqual(read(LIMIT, []).verdict, "unknown")
    assert.strictEqual(read(CONTROL, many(10, 1_000, 10)).verdict, "unknown")
    assert.strictEqual(read(gate({ limit: 0.01 }, { dryRun: true }), []).dryRun, true)
  })

  it("VG4 one that counts more than all others hides nothing, in the cohort or outside of it", () => {
    const [broken, others] = [many(10, 1_000, 300), many(40, 1_000, 10)]
    const says = /without the instances that counted most it looks worse/
    for (const liar of [[Number.MAX_SAFE_INTEGER, 0] as const, [300_000, 0] as const, [1e300, 0] as const]) {
      for (const found of [read(LIMIT, [...broken, liar]), read(CONTROL, [...broken, liar], others)]) {
        assert.strictEqual(found.verdict, "unknown")
        assert.match(found.text, says)
      }
    }
    for (const much of [Number.MAX_SAFE_INTEGER, 60_000]) {
      const outside = read(CONTROL, broken, [...others, [much, much]])
      assert.strictEqual(outside.verdict, "unknown")
      assert.match(outside.text, says)
    }
    // One that has most of the traffic is no liar.
    assert.strictEqual(read(LIMIT, [...many(10, 1_000, 8), [60_000, 480]]).verdict, "good")
    assert.strictEqual(read(CONTROL, [...many(10, 1_000, 8), [60_000, 480]], others).verdict, "good")
    assert.strictEqual(read(LIMIT, [[60_000, 480]]).verdict, "good")
  })

  it("VG2 what is worse, and not yet proven to be, is not promoted", () => {
    const leaning = read(CONTROL, many(10, 400, 9), many(90, 400, 4))
    assert.strictEqual(leaning.verdict, "unknown")
    assert.match(leaning.text, /evidence \d+: above 1 it does not go on, at 100 it is taken back$/)
  })

  it("VG2 no errors at all are good, and a control without any makes a ratio without end", () => {
    const none = many(10, 1_000, 1).map(([n]) => [n, 0] as const)
    assert.strictEqual(read(CONTROL, none, none).verdict, "good")
    const all = read(
      CONTROL,
      none.map(([n]) => [n, n] as const),
      none
    )
    assert.strictEqual(all.verdict, "bad")
    assert.isUndefined(all.high)
    JSON.stringify(all)
  })

  it("VG3 more errors than requests count as many, and what is no number of requests counts for nothing", () => {
    const added = (counted: Readonly<Record<string, number>>) => addendsOf([LIMIT], "web-1", counted)
    assert.deepEqual(added({ requests: 10, errors: 20 }), added({ requests: 10, errors: 10 }))
    assert.deepEqual(added({ requests: -3, errors: 2 }), {})
    assert.deepEqual(added({ errors: 2 }), {})
    assert.deepEqual([...countersOf([LIMIT, CONTROL])], ["errors", "requests"])
  })
})
