import { assert, describe, it } from "@effect/vitest"
import { colours, plain } from "../../src/cli/Paint.ts"
import { readAlpha, readMetric, readShares, readTraffic } from "../../src/cli/verbs/experiments/Metrics.ts"
import { plot } from "../../src/cli/verbs/experiments/Plot.ts"
import { results } from "../../src/cli/verbs/experiments/Told.ts"
import type { WithResults } from "../../src/edge/http/experiments/Wire.ts"

type Arm = NonNullable<WithResults["results"]>["metrics"][number]["arms"][number]
const arm = (variant: string, lift: Arm["lift"], more: Partial<Arm> = {}): Arm => ({
  ...{ variant, units: 100, total: 10, value: { estimate: 0.1, low: 0.05, high: 0.2 }, lift, verdict: "unclear" },
  ...more
})
const control = arm("off", null, { verdict: "control" })
const lift = (estimate: number, low: number | null, high: number | null) => ({ estimate, low, high })

describe("herald experiment", () => {
  it("reads shares and metrics as they are written, and says what is none", () => {
    assert.deepStrictEqual(readShares("off=50, on=25,blue=25", undefined), [
      { variant: "off", share: 50 },
      { variant: "on", share: 25 },
      { variant: "blue", share: 25 }
    ])
    assert.deepStrictEqual(readShares("on=1,off=1", "off"), [
      { variant: "off", share: 1 },
      { variant: "on", share: 1 }
    ])
    for (const [text, control] of [["on"], ["on=0.5"], [""], ["on=1,"], ["on=1,off=1", "blue"]] as const)
      assert.property(readShares(text, control), "_tag", text)
    assert.deepStrictEqual(readMetric("checkout"), { kind: "conversion", event: "checkout" })
    assert.deepStrictEqual(readMetric("spent=mean(check out) within 14d cap 500.5"), {
      ...{ name: "spent", kind: "mean", event: "check out", windowMillis: 14 * 86_400_000, cap: 500.5 }
    })
    assert.deepStrictEqual(readMetric("conversion(error) less within 30m"), {
      ...{ kind: "conversion", event: "error", windowMillis: 1_800_000, better: "less" }
    })
    assert.deepInclude(readMetric("checkout within 1d12h"), { windowMillis: 36 * 3_600_000 })
    assert.deepStrictEqual(["20%", "20", "0.5 %"].map(readTraffic), [20, 20, 0.5])
    assert.deepStrictEqual(["5%", "0.05"].map(readAlpha), [0.05, 0.05])
    for (const text of ["", "a fifth", "20%%"])
      for (const read of [readTraffic, readAlpha]) assert.property(read(text), "_tag", text)
    for (const text of [
      "",
      "median(x)",
      "mean(x",
      "mean(x) within 3w",
      "a b",
      "mean(x) cap",
      `mean(${"(".repeat(50_000)}`
    ])
      assert.property(readMetric(text), "_tag", text.slice(0, 20))
  })

  it("draws intervals over one scale, in the width of the terminal, in ASCII where there is no more", () => {
    const arms = [control, arm("on", lift(0.5, 0.25, 0.75), { verdict: "better" }), arm("blue", lift(-0.1, null, 0.1))]
    for (const unicode of [true, false]) {
      const lines = plot(arms, plain, 60, unicode).split("\n")
      assert.strictEqual(lines.length, 3)
      for (const line of lines) assert.isAtMost(line.length, 60)
      assert.strictEqual(/^[ -~\n]*$/.test(lines.join("\n")), !unicode)
    }
    const [on, blue] = plot(arms, plain, 60, false).split("\n")
    assert.match(on!, /^on {4} +\| *\[-+o-+\] *$/)
    assert.match(blue!, /^blue {2}<-+o-*\] *$/)
    assert.strictEqual(plot([control, arm("on", { estimate: 1, low: null, high: null })], plain, 60, true), "")
    assert.isAtLeast(plot(arms, plain, 5, true).split("\n")[0]!.length, 20)
    assert.include(plot(arms, colours, 60, true), "\u001b[32m")
    assert.isAtMost(plot(arms, plain, Number.POSITIVE_INFINITY, true).split("\n")[0]!.length, 80)
  })

  it("XF2 puts intervals below where they have no room, and says when nobody did it", () => {
    const of = (total: number): WithResults => {
      const more = { units: 971, total, value: { estimate: 0.151, low: 0.113, high: 0.196 } }
      return {
        ...({ experiment: "e", environment: "production", state: "running", flag: "f", startedAt: 0 } as WithResults),
        ...{ endedAt: null, winner: null, conclusion: "" },
        results: {
          ...{ at: 1, time: "1970-01-01T00:00:00.001Z", units: 1_942, mixed: 0, alpha: 0.001, notes: [], arms: [] },
          sampleRatio: { p: 1, mismatch: false },
          metrics: [
            {
              ...{
                name: "checkout",
                kind: "conversion",
                event: "checkout",
                windowMillis: 1,
                cap: null,
                better: "more"
              },
              ...{
                primary: true,
                arms: [arm("current", null, more), arm("treatment", lift(1.12, 0.59, 1.89), more)]
              }
            }
          ]
        } as WithResults["results"]
      }
    }
    for (const room of [74, 79, 200]) {
      const told = results(of(147), 1, plain, room, true)
      assert.include(told, "(11.3 % to 19.6 %)")
      assert.include(told, "(+59.0 % to +189 %)")
      assert.include(told, "hold 99.9 %")
      for (const line of told.split("\n")) assert.isAtMost(line.length, room)
      assert.notInclude(told, "is that what it is called?")
    }
    assert.include(results(of(0), 1, plain, 79, true), "no event checkout has come of them")
  })

  it("XF2 says loudly that people do not come by their shares, and what names hold is made printable", () => {
    const found: WithResults = {
      ...{
        experiment: "exp\u001b[2J",
        environment: "production",
        state: "running",
        version: 1,
        revision: 1,
        flag: "flag"
      },
      ...{
        flagVersion: 1,
        arms: [],
        metrics: [],
        alpha: 0.05,
        layer: null,
        traffic: 100,
        startedAt: 0,
        startedTime: ""
      },
      ...{
        startedBy: "ann",
        hypothesis: "",
        endedAt: null,
        endedTime: null,
        endedBy: "",
        conclusion: "",
        winner: null
      },
      results: {
        ...{
          at: 1,
          time: "1970-01-01T00:00:00.001Z",
          units: 300,
          mixed: 2,
          alpha: 0.05,
          notes: ["note\u001b[31m"],
          metrics: []
        },
        sampleRatio: { p: 0.0001, mismatch: true },
        arms: [
          { variant: "off", share: 0.5, units: 100, expected: 150 },
          { variant: "on\u0007", share: 0.5, units: 200, expected: 150 }
        ]
      }
    }
    const told = results(found, 3_600_000, plain, 80, true)
    for (const part of ["running 1 h", "do not come by their shares", "off 100, not 150", "2 that saw two variants"])
      assert.include(told, part)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.notMatch(told, /[\u0007\u001b]/)
    assert.include(results({ ...found, results: null, endedAt: 1 }, 5, plain, 80, true), "could not be had")
  })
})
