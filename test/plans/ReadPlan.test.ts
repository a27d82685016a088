import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import type { Plan } from "../../src/plans/Plan.ts"
import { readPolicy } from "../../src/plans/Policy.ts"
import { defaultGates, gateOf } from "../../src/plans/ReadGates.ts"
import { readPlan } from "../../src/plans/ReadPlan.ts"
import { stageText } from "../../src/plans/ReadStages.ts"
import { windowsOf } from "../../src/plans/ReadWindows.ts"
import { spanOf, spanText } from "../../src/text/Amounts.ts"

const read = (said: unknown): Plan => {
  const plan = readPlan(said)
  if (plan instanceof HeraldError) throw new Error(plan.message)
  return plan
}
const wrong = (said: unknown): string => {
  const plan = readPlan(said)
  assert.instanceOf(plan, HeraldError)
  assert.strictEqual((plan as HeraldError).name, "InvalidPlan")
  return (plan as HeraldError).message
}
const stagesOf = (stages: unknown) => read({ stages }).stages
const anybody = { where: {}, instances: undefined, bakeMillis: 300_000, approval: false }

describe("ReadPlan", () => {
  it("PQ2 what was left out has its default in it", () => {
    const plan = read({ stages: "1%,100%" })
    assert.deepStrictEqual(
      { ...plan, gates: plan.gates.map(({ text }) => text) },
      {
        stages: [
          { ...anybody, share: { percent: 1 } },
          { ...anybody, share: { percent: 100 } }
        ],
        gates: [...defaultGates],
        deadlineMillis: 600_000,
        late: "pause",
        applied: 0.9,
        lostAfterMillis: 90_000,
        crashes: 3,
        patienceMillis: 600_000,
        windows: []
      }
    )
    assert.deepStrictEqual(read(JSON.parse(JSON.stringify({ stages: ["1%", "100%"] }))), plan)
  })

  it("PQ2 nobody has to report that it is healthy where no gate is given", () => {
    const coverage = read({ stages: "100%" }).gates.map((gate) => gate.type === "census" && [gate.of, gate.coverage])
    assert.deepStrictEqual(coverage, [
      ["rejected", 0.9],
      ["lost", 0.9],
      ["unhealthy", 0]
    ])
  })

  it("reads stages as shares, counts, labels and lists, each with its own time and approval", () => {
    assert.deepStrictEqual(
      stagesOf("5, 0.5% for 30s, region=eu, region=us&tier=canary:2, @web-1+web-2 approve, url=http://x:10%"),
      [
        { ...anybody, share: { count: 5 } },
        { ...anybody, share: { percent: 0.5 }, bakeMillis: 30_000 },
        { ...anybody, where: { region: "eu" }, share: { percent: 100 } },
        { ...anybody, where: { region: "us", tier: "canary" }, share: { count: 2 } },
        { ...anybody, instances: ["web-1", "web-2"], share: { percent: 100 }, approval: true },
        { ...anybody, where: { url: "http://x" }, share: { percent: 10 } }
      ]
    )
    assert.deepStrictEqual(
      stagesOf([
        { share: "10%", where: { region: "eu" }, bake: "15m", approval: true },
        100 as never,
        { instances: ["a"] }
      ]).map(stageText),
      ["region=eu:10%", "100", "@a"]
    )
    assert.deepStrictEqual(stagesOf("1%,region=eu,@a+b,3").map(stageText), ["1%", "region=eu", "@a+b", "3"])
  })

  it("PQ1 a stage that adds nobody is refused", () => {
    for (const stages of [
      "50%,10%",
      "10%,10%",
      "5,5",
      "100%,region=eu",
      "region=eu,region=eu:10%",
      "region=eu,a=1,region=eu"
    ])
      assert.match(wrong({ stages }), /adds nobody/, stages)
    for (const stages of ["10%,region=eu,50%", "5,10%,6", "region=eu:10%,region=us:10%,100%", "@a,@b,100%"])
      read({ stages })
  })

  it("says where a stage is wrong, and what would be right", () => {
    for (const [stages, at, said] of [
      ["1%,50 %%", "/stages/2", "is no share"],
      ["1%,,100%", "/stages/2", "a stage is missing"],
      ["0%", "/stages/1", "above 0%"],
      ["101%", "/stages/1", "at most 100%"],
      ["0", "/stages/1", "give 1 at least"],
      ["1% for ever", "/stages/1", "no duration"],
      ["eu", "/stages/1", "is no share"],
      ["=eu", "/stages/1", "is no label"],
      ["@", "/stages/1", "names nobody"],
      ["1%\n2%", "/stages/1", "is no share"],
      ["\u2028", "/stages/1", "a stage is missing"]
    ] as const) {
      assert.include(wrong({ stages }), at, stages)
      assert.include(wrong({ stages }), said, stages)
    }
    assert.include(wrong({ stages: [] }), "/stages there is no stage")
    assert.include(wrong({ stages: [{ share: "1%", until: "5m" }] }), "/stages/1/until is not known")
    assert.include(wrong({ stages: [{ where: { region: 1 } }] }), "/stages/1/where")
    assert.include(wrong({}), "/stages is missing")
    assert.include(wrong({ stage: "1%" }), "is stages meant?")
    assert.include(wrong(null), "has to be members")
    assert.include(wrong({ stages: Array.from({ length: 51 }, (_, n) => `${n + 1}`) }), "at most 50")
  })

  it("tells of everything that is wrong at once", () => {
    const said = wrong({
      stages: "1%,x",
      bake: "soon",
      gates: ["unheathy < 2%"],
      late: "maybe",
      crashes: 0,
      applied: "x",
      windows: "never"
    })
    for (const at of ["/stages/2", "/bake", "/gates/1", "/late", "/crashes", "/applied", "/windows/1"])
      assert.include(said, at)
  })

  it("reads durations and windows", () => {
    assert.deepStrictEqual(["30s", "1h30m", "2d", "0s"].map(spanOf), [30_000, 5_400_000, 172_800_000, 0])
    assert.deepStrictEqual([30_000, 5_400_000, 172_800_000, 0].map(spanText), ["30s", "1h30m", "2d", "0s"])
    for (const text of ["", "5", "m", "1w", "91d", "5m30"]) assert.isString(spanOf(text), text)
    const day = 1_440
    assert.deepStrictEqual(
      windowsOf("Mon-Fri 09:00-16:00 UTC"),
      [0, 1, 2, 3, 4].map((n) => ({ from: n * day + 540, until: n * day + 960 }))
    )
    assert.deepStrictEqual(windowsOf("sun 22:00-02:00"), [{ from: 6 * day + 1_320, until: 120 }])
    assert.deepStrictEqual(windowsOf("Sun 00:00-24:00"), [{ from: 6 * day, until: 7 * day }])
    assert.strictEqual(windowsOf("daily 09:00-10:00").length, 7)
    assert.strictEqual(windowsOf("Sat-Mon 09:00-10:00 Z").length, 3)
    for (const text of [
      "Mon-Fri",
      "Mon 9-16",
      "Mon 09:00-09:00",
      "Mon 25:00-26:00",
      "Mon 09:60-10:00",
      "Foo 09:00-10:00",
      "Mon 09:00-10:00 CET"
    ])
      assert.isString(windowsOf(text), text)
    assert.strictEqual(read({ stages: "100%", windows: "Mon-Fri 09:00-16:00 UTC,Sat 10:00-12:00" }).windows.length, 6)
  })

  it("refuses what no database keeps, and nothing that looks alike", () => {
    for (const where of [{ region: "a\u0000b" }, { "\ud800": "x" }])
      assert.include(wrong({ stages: [{ where }] }), "can't be stored")
    assert.include(wrong({ stages: "100%", gates: ["webhook(https://x/\ud800)"] }), "can't be stored")
    read({ stages: [{ where: { path: "\\u0000", smile: "\u{1f600}" } }] })
  })

  it.prop(
    "whatever is said is a plan, or refused",
    [Schema.Json, Schema.String, Schema.Array(Schema.Json)],
    ([json, text, list]) => {
      for (const said of [
        json,
        { stages: json },
        { stages: text },
        { stages: list, gates: list },
        { stages: "1%", gates: [text], windows: list, bake: json },
        { stages: "1%", late: json, applied: json, crashes: json, raise: json },
        { stages: [{ share: json, bake: json, where: json, instances: json, approval: json }] }
      ])
        assert.isTrue(typeof readPlan(said) === "object")
      for (const one of [`${text}<1%`, `a/b < ${text}`, `prometheus(${text}): x < 1`, `webhook(${text})`]) gateOf(one)
      windowsOf(text)
      spanOf(text)
    }
  )

  it("refuses members that are called as those of every object", () => {
    const one = { toString: 1, valueOf: 1 }
    for (const name of ["bake", "late", "applied", "crashes", "raise", "windows", "gates", "deadline"])
      assert.include(wrong({ stages: "1%", [name]: one }), `/${name}`)
    for (const name of ["share", "bake", "where", "instances", "approval"])
      assert.include(wrong({ stages: [{ [name]: one }] }), `/stages/1/${name}`)
    assert.lengthOf(readPolicy({ required: [{ keys: "a", plan: one }] }).problems, 1)
  })

  it("PQ3 takes no more time for texts that are made to take it", () => {
    const gate = (nth: number) => `prometheus(${"):".repeat(333)}${" ".repeat(650)}<${"1".repeat(640 + nth)}x`
    assert.include(wrong({ stages: "1%", gates: Array.from({ length: 20 }, (_, nth) => gate(nth)) }), "can't be read")
    assert.include(wrong({ stages: `a${" ".repeat(60_000)}b` }), "is no share")
    assert.include(wrong({ stages: `a${" ".repeat(4_000_000)}b` }), "is larger than")
    assert.deepStrictEqual(stagesOf("region=for  for 5m approve")[0]?.where, { region: "for" })
  })
})
