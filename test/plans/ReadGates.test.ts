import { assert, describe, it } from "@effect/vitest"
import { gateOf } from "../../src/plans/ReadGates.ts"

describe("ReadGates", () => {
  it("reads census gates, with what they count and from how many on", () => {
    const unhealthy = {
      type: "census",
      of: "unhealthy",
      limit: 0.02,
      atLeast: 2,
      coverage: 0.9,
      withinMillis: 0,
      dryRun: false
    }
    assert.deepStrictEqual(gateOf("unhealthy < 2%"), { ...unhealthy, text: "unhealthy < 2%" } as never)
    assert.deepStrictEqual(gateOf("unhealthy<=0.02"), { ...unhealthy, text: "unhealthy<=0.02" } as never)
    const text = "slow(30s) < 5%, at least 3, coverage 50%, dry run"
    assert.deepStrictEqual(gateOf(text), {
      type: "census",
      text,
      of: "slow",
      limit: 0.05,
      atLeast: 3,
      coverage: 0.5,
      withinMillis: 30_000,
      dryRun: true
    })
    assert.strictEqual((gateOf("lost < 0%, at least 1") as { readonly limit: number }).limit, 0)
  })

  it("reads rates against a limit and against the control", () => {
    assert.deepStrictEqual(gateOf("errors/requests < 1%"), {
      type: "rate",
      text: "errors/requests < 1%",
      numerator: "errors",
      denominator: "requests",
      against: { limit: 0.01 },
      alpha: 0.01,
      minimum: 100,
      dryRun: false
    })
    assert.deepInclude(gateOf("errors/requests <= control") as object, { against: { control: 1 } })
    assert.deepInclude(gateOf("errors / requests <= 1.5 * control, alpha 0.1%, minimum 1000") as object, {
      against: { control: 1.5 },
      alpha: 0.001,
      minimum: 1_000
    })
  })

  it("reads queries of Prometheus, whatever is in them, and webhooks", () => {
    const query = 'sum(rate(http_errors{job="a",code=~"5.."}[5m])) / sum(rate(x[5m])) > bool 2'
    const text = `prometheus(https://prom.example:9090): ${query} < 0.01, every 10s, timeout 2s`
    assert.deepStrictEqual(gateOf(text), {
      type: "prometheus",
      url: "https://prom.example:9090",
      query,
      is: "<",
      limit: 0.01,
      text,
      everyMillis: 10_000,
      timeoutMillis: 2_000,
      dryRun: false
    })
    assert.deepStrictEqual(gateOf("webhook(https://gate.example/check), dry run"), {
      type: "webhook",
      url: "https://gate.example/check",
      text: "webhook(https://gate.example/check), dry run",
      everyMillis: 30_000,
      timeoutMillis: 5_000,
      dryRun: true
    })
  })

  it("says what is wrong with a gate", () => {
    for (const [text, said] of [
      ["", "is no gate"],
      ["unhealthy", "is no gate"],
      ["unheathy < 2%", "is unhealthy meant?"],
      ["unhealthy < 2", "2%, if that is meant"],
      ["unhealthy < 100%", "below 100%"],
      ["unhealthy > 2%", "is no gate: write"],
      ["unhealthy(3s) < 2%", "only slow has a time"],
      ["slow(soon) < 2%", "no duration"],
      ["unhealthy < 2%, at least 0", "1 at least"],
      ["unhealthy < 2%, at least three", "can't be read"],
      ["unhealthy < 2%, alpha 1%", "alpha says nothing"],
      ["unhealthy < 2%, dry run, dry run", "twice"],
      ["errors/requests < 0.5 * control", "1 at least"],
      ["errors/requests < 1", "above 0%"],
      ["errors/ < 1%", "no name of a counter"],
      ["er rors/requests < 1%", "no name of a counter"],
      ["errors/requests < 1%, alpha 50%", "alpha"],
      ["prometheus(ftp://x): up < 1", "is no URL"],
      ["prometheus(https://user:secret@x): up < 1", "leave them out"],
      ["prometheus(https://x): up", "can't be read"],
      ["prometheus(http://x:9090/-/quit?x=): up < 1", "name the server alone"],
      ["prometheus(http://x:9090/-/quit#): up < 1", "name the server alone"],
      ["webhook(x)", "is no URL"],
      ["webhook https://x", "can't be read"],
      [`unhealthy < ${"2".repeat(3_000)}%`, "characters long"]
    ] as const) {
      const found = gateOf(text)
      assert.isString(found, text)
      assert.include(found as string, said, text)
      assert.notInclude(found as string, "secret")
    }
  })
})
