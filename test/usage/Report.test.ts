import { assert, describe, it } from "@effect/vitest"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { AHEAD, type Checked, checked, ITEMS, MOST, OLDEST, type Said, TOLD } from "../../src/usage/Report.ts"

const now = 1_800_000_000_000
const SECRET = "ann@example.org"
const hashOf = (unit: string) => (unit === SECRET ? "aa" : "bb")
const hasVariant = (flag: string, variant: string) => (flag === "a" ? ["on", "off"].includes(variant) : undefined)
const check = (more: Partial<Said>) =>
  checked(
    {
      ...{ batchId: "batch-01", environment: "production", sdk: "js/1", evaluations: [], exposures: [], tracks: [] },
      ...more
    },
    { now, principal: "app", hasVariant, hashOf }
  )
const right = (more: Partial<Said>): Checked => {
  const found = check(more)
  if (found instanceof HeraldError) throw found
  return found
}
const wrong = (more: Partial<Said>): string => {
  const found = check(more)
  assert.instanceOf(found, HeraldError)
  return (found as HeraldError).message
}
const evaluation = (more: Partial<Said["evaluations"][number]> = {}) => ({
  ...{ flag: "a", variant: "on", version: 1, reason: "STATIC", errorCode: "", count: 1, lastAt: 0 },
  ...more
})
const exposure = (more: Partial<Said["exposures"][number]> = {}) => ({
  ...{ flag: "a", variant: "on", version: 1, unit: SECRET, at: 0 },
  ...more
})
const track = (more: Partial<Said["tracks"][number]> = {}) => ({
  ...{ name: "bought", unit: SECRET, value: undefined, at: 0, details: undefined },
  ...more
})
const problems = (more: Partial<Said>) => right(more).refused.map(({ index, problem }) => `${index}: ${problem}`)

describe("reports", () => {
  it("UR1 a batch without a name, with an SDK that is none, or with too much in it is refused as a whole", () => {
    for (const batchId of ["", "short", "x".repeat(65), "with space", "\u001b[2Jxxxx"])
      assert.match(wrong({ batchId }), /^batch_id: /)
    for (const sdk of [" js", "js\n", "x".repeat(65), "é"]) assert.match(wrong({ sdk }), /^sdk: /)
    assert.match(wrong({ sdk: "", evaluations: [evaluation()] }), /^sdk: /)
    assert.strictEqual(right({ sdk: "", tracks: [track()] }).items, 1)
    const half = Array.from({ length: ITEMS / 2 }, () => evaluation())
    assert.strictEqual(right({ evaluations: half, tracks: half.map(() => track()) }).items, ITEMS)
    assert.match(wrong({ evaluations: half, tracks: [...half.map(() => track()), track()] }), /1001 items/)
  })

  it("UR1 UR3 an item is refused with its place and why, and the others count", () => {
    const said = [
      evaluation(),
      evaluation({ reason: "BECAUSE" }),
      evaluation({ reason: "ERROR", errorCode: "TYPE_MISMATCH", variant: "" }),
      evaluation({ errorCode: "GENERAL" }),
      evaluation({ reason: "ERROR", errorCode: "MADE_UP" }),
      evaluation({ count: 0 }),
      evaluation({ count: MOST + 1 }),
      evaluation({ version: -1 }),
      evaluation({ flag: "made-up" }),
      evaluation({ variant: "made-up" }),
      evaluation({ reason: "DISABLED", variant: "", count: MOST })
    ]
    const { batch, items, refused } = right({ evaluations: said })
    assert.strictEqual(items, 3)
    assert.deepStrictEqual(
      batch.uses.map(({ outcome, count, at }) => [outcome, count, at]),
      [
        ["STATIC", 1, now],
        ["TYPE_MISMATCH", 1, now],
        ["DISABLED", MOST, now]
      ]
    )
    assert.deepStrictEqual(
      refused.map(({ field, index }) => [field, index]),
      [1, 3, 4, 5, 6, 7, 8, 9].map((index) => ["evaluations", index])
    )
    assert.deepStrictEqual(problems({ exposures: [exposure({ flag: "made-up" })] }), ['0: there is no flag "made-up"'])
  })

  it("UR1 refusals are told up to a bound, and counted beyond it", () => {
    const { refused, refusedCount } = right({ tracks: Array.from({ length: ITEMS }, () => track({ name: "" })) })
    assert.deepStrictEqual([refused.length, refusedCount], [TOLD, ITEMS])
  })

  it("UR2 who it was is hashed, and is in no refusal", () => {
    const bad = `${SECRET}${"x".repeat(300)}`
    const found = right({
      exposures: [exposure(), exposure({ unit: bad }), exposure({ flag: "made-up" })],
      tracks: [track(), track({ unit: "" }), track({ unit: "\ud800" }), track({ unit: `${SECRET}\u0000` })]
    })
    assert.notInclude(JSON.stringify(found), SECRET)
    assert.strictEqual(found.batch.exposures[0]!.unit, "aa")
    assert.strictEqual(found.batch.tracks[0]!.unit, "aa")
    assert.deepStrictEqual([found.items, found.refusedCount], [2, 5])
  })

  it("UR4 what is older than a day, or ahead of the clock, is refused", () => {
    const times = [0, now, now - OLDEST, now + AHEAD, now - OLDEST - 1, now + AHEAD + 1, -1, Number.MAX_VALUE]
    assert.deepStrictEqual(
      problems({ tracks: times.map((at) => track({ at })) }).map((problem) => problem.slice(0, 1)),
      ["4", "5", "6", "7"]
    )
    assert.strictEqual(problems({ exposures: times.map((at) => exposure({ at })) }).length, 4)
    assert.strictEqual(problems({ evaluations: times.map((lastAt) => evaluation({ lastAt })) }).length, 4)
  })

  it("UR1 details are a small object of texts, numbers, true and false, and stay as they are", () => {
    const details = { plan: "pro", items: 2, share: 0.5, gift: true, ["__proto__x"]: "" }
    assert.deepStrictEqual(right({ tracks: [track({ details, value: -0.5 })] }).batch.tracks[0], {
      ...{ name: "bought", unit: "aa", value: -0.5, at: now, details }
    })
    const refused = [
      ...["text", 1, null, [], { a: null }, { a: {} }, { a: [] }, { a: "\u0000" }, { a: 2 ** 53 }, { "": 1 }],
      ...[Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, n])), { a: "é".repeat(600) }]
    ]
    assert.strictEqual(problems({ tracks: refused.map((details) => track({ details })) }).length, refused.length)
    assert.strictEqual(problems({ tracks: [track({ value: Number.NaN }), track({ name: "a\nb" })] }).length, 2)
  })
})
