import { assert, describe, it } from "@effect/vitest"
import { type Wanted, wantedProblem } from "../../src/experiments/Wanted.ts"

const environment = "production"
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  ...{ environment, key: "exp", flag: "flag", split: true, traffic: 100, where: undefined, layer: "", alpha: 0.05 },
  arms: [
    { variant: "off", share: 1 },
    { variant: "on", share: 1 }
  ],
  metrics: [{ kind: "conversion", event: "buy" }],
  ...more
})

describe("Wanted", () => {
  it("XG1 what can't be compared is refused with what is wrong", () => {
    const said = (more: Partial<Wanted>) => wantedProblem(wanted(more))?.message ?? ""
    assert.strictEqual(said({}), "")
    for (const [more, part] of [
      [{ key: "a b" }, "is not a key"],
      [{ key: "k".repeat(101) }, "more than 100"],
      [{ layer: " " }, "is not a key"],
      [{ arms: [{ variant: "on", share: 1 }] }, "2 to 10"],
      [
        {
          arms: [
            { variant: "on", share: 1 },
            { variant: "on", share: 1 }
          ]
        },
        "twice"
      ],
      [
        {
          arms: [
            { variant: "on", share: 0.5 },
            { variant: "off", share: 1 }
          ]
        },
        "whole number"
      ],
      [
        {
          arms: [
            { variant: "outside", share: 1 },
            { variant: "off", share: 1 }
          ]
        },
        "not called outside"
      ],
      [
        {
          arms: [
            { variant: "on", share: 2 ** 31 },
            { variant: "off", share: 1 }
          ]
        },
        "together"
      ],
      [{ arms: undefined }, "a split says"],
      [{ split: false, traffic: 10 }, "with a split alone"],
      [{ traffic: 0 }, "traffic"],
      [{ traffic: 33.33 }, "traffic"],
      [{ where: "x".repeat(20_000) }, "segment"],
      [{ alpha: 0 }, "alpha"],
      [{ alpha: Number.NaN }, "alpha"],
      [{ metrics: [] }, "1 to 10 metrics"],
      [{ metrics: [{ kind: "median", event: "buy" }] }, "conversion or mean"],
      [{ metrics: [{ kind: "mean", event: "" }] }, "no event"],
      [{ metrics: [{ kind: "mean", event: "buy", windowMillis: 1 }] }, "window"],
      [{ metrics: [{ kind: "mean", event: "buy", cap: -1 }] }, "cap"],
      [{ metrics: [{ kind: "conversion", event: "buy", cap: 1 }] }, "cap"],
      [
        {
          metrics: [
            { kind: "conversion", event: "buy" },
            { kind: "conversion", event: "buy" }
          ]
        },
        "twice"
      ]
    ] as ReadonlyArray<readonly [Partial<Wanted>, string]>)
      assert.include(said(more), part, JSON.stringify(more).slice(0, 100))
    assert.strictEqual(said({ traffic: 12.5 }), "")
  })
})
