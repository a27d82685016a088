import { assert, describe, it } from "@effect/vitest"
import { ReportRequest } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { BATCH, BYTES, ENTRIES, Gathered, ITEMS, SEEN } from "../../src/openfeature/Gathered.ts"

const NOON = Date.UTC(2026, 0, 1, 12)
const outcome = (name: string, count = 1) => ({
  name,
  version: 3,
  count,
  resolution: {
    value: true,
    variant: "on",
    reason: "STATIC",
    errorCode: undefined,
    errorDetails: undefined,
    metadata: {}
  } as const
})
const take = (gathered: Gathered) => gathered.take("batch-0001", "production", "herald-js/0")

describe("Gathered", () => {
  it("RB1 what waits is bounded in entries and in bytes, and what is left out is counted", () => {
    const gathered = new Gathered(() => NOON)
    for (let n = 0; n < ENTRIES + 5; n++) gathered.exposed("f", 1, "on", `user-${n}`)
    assert.deepStrictEqual([gathered.size, gathered.leftOut], [ENTRIES, 5])
    const large = new Gathered(() => NOON)
    const details = { text: "x".repeat(1_000) }
    for (let n = 0; n < ENTRIES; n++) large.tracked("paid", `${n}`, 1, details)
    assert.isBelow(large.size, BYTES / 1_000)
    assert.strictEqual(large.size + large.leftOut, ENTRIES)
    const counts = new Gathered(() => NOON)
    counts.evaluated(Array.from({ length: ENTRIES + 7 }, (_, n) => outcome(`f${n}`)))
    assert.deepStrictEqual([counts.size, counts.leftOut], [ENTRIES, 7])
  })

  it("RB2 who was shown what is said once a day, and again when it is another variant or version", () => {
    let now = NOON
    const gathered = new Gathered(() => now)
    for (let n = 0; n < 3; n++) gathered.exposed("f", 1, "on", "ann")
    gathered.exposed("f", 2, "on", "ann")
    gathered.exposed("f", 1, "off", "ann")
    gathered.exposed("f", 1, "on", "bob")
    assert.strictEqual(gathered.size, 4)
    now += 86_400_000
    gathered.exposed("f", 1, "on", "ann")
    assert.strictEqual(gathered.size, 5)
    for (const unit of [undefined, 1, "", "x".repeat(257)]) gathered.exposed("f", 1, "on", unit)
    assert.strictEqual(gathered.size, 5)
  })

  it("RB2 what is remembered of it is bounded", () => {
    const gathered = new Gathered(() => NOON)
    for (let n = 0; n <= SEEN; n++) {
      gathered.exposed("f", 1, "on", `user-${n}`)
      if (n % ITEMS === 0) while (take(gathered) !== undefined);
    }
    gathered.exposed("f", 1, "on", "user-0")
    assert.strictEqual(take(gathered)?.exposures.at(-1)?.unit, "user-0")
  })

  it("RB3 batches are within what a server takes, and together they are all there was", () => {
    const gathered = new Gathered(() => NOON)
    gathered.evaluated(Array.from({ length: 1_500 }, (_, n) => outcome(`f${n}`, n + 1)))
    for (let n = 0; n < 900; n++) gathered.tracked("paid", `é${n}`, n, { text: "é".repeat(400) })
    for (let n = 0; n < 300; n++) gathered.exposed("f", 1, "on", `user-${n}`)
    const seen = { evaluations: 0, exposures: 0, tracks: 0 }
    for (let batch = take(gathered); batch !== undefined; batch = take(gathered)) {
      const { evaluations, exposures, tracks } = batch
      assert.isAtMost(evaluations.length + exposures.length + tracks.length, ITEMS)
      assert.isAtMost(ReportRequest.encode(batch).finish().length, BATCH)
      seen.evaluations += evaluations.length
      seen.exposures += exposures.length
      seen.tracks += tracks.length
    }
    assert.deepStrictEqual(seen, { evaluations: 1_500, exposures: 300, tracks: 900 })
    assert.strictEqual(gathered.size, 0)
  })

  it("RB4 what a server would not take of a track is refused, and nothing else is taken", () => {
    const gathered = new Gathered(() => NOON)
    assert.isTrue(gathered.tracked("paid", "ann", 9.5, { plan: "pro", trial: false, days: 3 }))
    assert.isTrue(gathered.tracked("seen", "ann", undefined, {}))
    for (const [name, unit, value, more] of [
      ["", "ann", 1, {}],
      ["x".repeat(101), "ann", 1, {}],
      ["paid", undefined, 1, {}],
      ["paid", "ann", Number.NaN, {}],
      ["paid", "ann", "1", {}],
      ["paid", "ann", 1, { list: [1] }],
      ["paid", "ann", 1, { nothing: null }],
      ["paid", "ann", 1, { text: "é".repeat(600) }],
      ["paid", "ann", 1, Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, n]))]
    ] as const)
      assert.isFalse(gathered.tracked(name, unit, value, more as never), JSON.stringify([name, unit, value]))
    assert.deepStrictEqual(take(gathered)?.tracks, [
      {
        name: "paid",
        unit: "ann",
        value: 9.5,
        atMs: BigInt(NOON),
        detailsJson: '{"plan":"pro","trial":false,"days":3}'
      },
      { name: "seen", unit: "ann", value: undefined, atMs: BigInt(NOON), detailsJson: "" }
    ])
  })
})
