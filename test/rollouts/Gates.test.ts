import { assert, describe, it } from "@effect/vitest"
import type { Gate, PrometheusGate, RateGate } from "../../src/plans/Plan.ts"
import type { Reading } from "../../src/rollouts/Evidence.ts"
import { readingsOf, unknown } from "../../src/rollouts/Gates.ts"
import { census, type counts, evidence } from "../support/Rollouts.ts"

const none = { rate: (gate: RateGate) => unknown(gate, "no rates here"), external: () => undefined }
const read = (gate: Gate, of: Parameters<typeof counts>[0]): Reading =>
  readingsOf({ gates: [gate] }, evidence(of), none)[0]!

describe("Gates", () => {
  it("GE1 many are bad when they are more than the limit allows, of those that are known", () => {
    const { verdict, text, value, low, high } = read(census("unhealthy"), { unhealthy: 3, healthy: 7, applied: 10 })
    assert.strictEqual(verdict, "bad")
    assert.strictEqual(text, "3 of 10 that are known are unhealthy (30%), limit 2%")
    assert.deepStrictEqual([value, low, high], [0.3, 0.15, 0.65])
    assert.include(read(census("rejected", { limit: 0.000_01 }), { applied: 9 }).text, "(0%), limit 0.001%")
    assert.strictEqual(read(census("rejected"), { rejected: 2, applied: 98 }).verdict, "good")
    assert.strictEqual(read(census("rejected"), { rejected: 2, applied: 97 }).verdict, "bad")
    assert.strictEqual(read(census("lost"), { gone: 2, applied: 8, lost: 2 }).verdict, "bad")
    assert.strictEqual(read(census("lost"), { gone: 0, applied: 8, lost: 2 }).verdict, "bad")
    assert.strictEqual(read(census("slow"), { offered: 3, applied: 9, slow: { "30000": 2 } }).verdict, "bad")
    assert.strictEqual(read(census("slow"), { offered: 3, applied: 9, slow: { "5000": 2 } }).verdict, "unknown")
  })

  it("GE1 one alone takes nothing back that reaches several, and is no good news either", () => {
    for (const [gate, of] of [
      ["rejected", { rejected: 1 }],
      ["unhealthy", { unhealthy: 1 }],
      ["lost", { gone: 1, lost: 1 }]
    ] as const) {
      const { verdict, text } = read(census(gate), { healthy: 9, ...of })
      assert.strictEqual(verdict, "unknown", gate)
      assert.include(text, "fewer than 2 instances decide nothing")
      assert.strictEqual(read(census(gate), of).verdict, "bad", "it is all of the cohort")
      assert.strictEqual(read(census(gate, { atLeast: 1 }), { healthy: 9, ...of }).verdict, "bad", "as the plan says")
      assert.strictEqual(read(census(gate, { limit: 0.2 }), { healthy: 9, ...of }).verdict, "good", "few enough")
    }
  })

  it("GE2 it is good only when enough of the cohort is known", () => {
    const few = read(census("unhealthy"), { healthy: 8, applied: 2 })
    assert.strictEqual(few.verdict, "unknown")
    assert.include(few.text, "8 of 10 are known (80%), and 90% have to be")
    assert.strictEqual(read(census("unhealthy"), { healthy: 9, applied: 1 }).verdict, "good")
    assert.strictEqual(read(census("unhealthy", { coverage: 0 }), { applied: 10 }).verdict, "good")
    assert.strictEqual(
      read(census("rejected"), { delivered: 10 }).verdict,
      "unknown",
      "who does not answer has applied nothing"
    )
    assert.strictEqual(read(census("lost"), { gone: 2, applied: 8 }).verdict, "unknown", "who is gone may come back")
    assert.strictEqual(read(census("lost"), { gone: 1, applied: 9 }).verdict, "good")
    assert.strictEqual(read(census("rejected"), {}).verdict, "unknown", "an empty cohort")
    assert.strictEqual(read(census("rejected"), { left: 5 }).verdict, "unknown", "all have left")
  })

  it("GE3 each gate has a reading, in the order of the plan", () => {
    const prometheus: PrometheusGate = {
      type: "prometheus",
      url: "https://p",
      query: "up",
      is: ">",
      limit: 0,
      everyMillis: 1,
      timeoutMillis: 1,
      text: "p",
      dryRun: true
    }
    const rate: RateGate = {
      type: "rate",
      numerator: "errors",
      denominator: "requests",
      against: { limit: 0.01 },
      alpha: 0.01,
      minimum: 10,
      text: "rate",
      dryRun: false
    }
    const gates = [prometheus, rate, census("lost")]
    const without = readingsOf({ gates }, undefined, none)
    assert.deepStrictEqual(
      without.map(({ verdict }) => verdict),
      ["unknown", "unknown", "unknown"]
    )
    const heard: Reading = { gate: "p", verdict: "good", text: "", dryRun: true }
    const read = readingsOf({ gates }, evidence({ applied: 1 }), {
      rate: (gate, metrics) => ({ ...unknown(gate, ""), verdict: metrics["errors"] === undefined ? "good" : "bad" }),
      external: (place) => (place === 0 ? heard : undefined)
    })
    assert.deepStrictEqual(
      read.map(({ gate, verdict }) => `${gate} ${verdict}`),
      ["p good", "rate good", "lost < 2% good"]
    )
    assert.deepStrictEqual(
      read.map(({ dryRun }) => dryRun),
      [true, false, false]
    )
  })
})
