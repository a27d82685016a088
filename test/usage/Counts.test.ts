import { assert, describe, it } from "@effect/vitest"
import { callerOf, makeCallerOf, PROGRAMS } from "../../src/usage/Caller.ts"
import { BATCH, type Counted, Counts, ROWS, ROWS_OF_FLAG } from "../../src/usage/Counts.ts"
import { ALL } from "../../src/usage/Use.ts"

const go = callerOf("flagd-rpc", "grpc-go/1.80.0")
const js = callerOf("flagd-rpc", "grpc-node-js/1.14.7")
const bulk = callerOf("ofrep-bulk", "node")

const rows = (taken: ReadonlyArray<Counted>) => taken.flatMap(({ uses }) => uses)
/** All that waits. */
const takeAll = (counts: Counts, at: number): ReadonlyArray<Counted> => {
  const taken: Array<Counted> = []
  for (let left = counts.due(); left > 0; ) {
    const some = counts.take(at)
    left -= rows(some).length
    taken.push(...some)
  }
  return taken
}
const tallies = (counts: Counts) => {
  const told: Array<readonly [string, string, number]> = []
  counts.tallied(({ caller, outcome, count }) => told.push([caller.door, outcome, count]))
  return told
}

describe("callers", () => {
  it("UC1 a program has one name, whatever its version, and what says nothing that is a name is another's", () => {
    assert.deepStrictEqual(go, { door: "flagd-rpc", sdk: "grpc-go" })
    assert.strictEqual(callerOf("flagd-rpc", "grpc-go/1.81.0 (linux)"), go)
    assert.strictEqual(callerOf("ofrep", undefined).sdk, "other")
    assert.strictEqual(callerOf("ofrep", "\u001b[2J").sdk, "other")
    assert.isAtMost(callerOf("ofrep", "a".repeat(10_000)).sdk.length, 32)
  })

  it("UC2 what the command line reads of all flags is no use", () => {
    const counts = new Counts()
    counts.gave("production", callerOf("flagd-sync", "herald-cli"))
    assert.strictEqual(counts.due(), 0)
    counts.gave("production", callerOf("flagd-sync", "flagd/0.16"))
    assert.strictEqual(counts.due(), 1)
  })

  it("UC1 programs that make up names are a few, and then others", () => {
    const callerOf = makeCallerOf()
    const made = new Set(Array.from({ length: 5 * PROGRAMS }, (_, n) => callerOf("ofrep", `made-up-${n}`)))
    assert.isAtMost(made.size, PROGRAMS)
    assert.isTrue(made.has(callerOf("ofrep", "never-heard-of")))
    assert.strictEqual(callerOf("flagd-rpc", "grpc-go/2").sdk, "grpc-go")
  })
})

describe("counts", () => {
  it("UN1 what is alike is one row with its newest version, and what differs in anything is another", () => {
    const counts = new Counts()
    for (let n = 1; n <= 3; n++) counts.note("production", "a", n, "on", "STATIC", go)
    counts.note("production", "a", 3, "off", "STATIC", go)
    counts.note("production", "a", 3, "on", "TARGETING_MATCH", go)
    counts.note("production", "a", 3, "on", "STATIC", js)
    counts.note("production", "b", 1, "on", "STATIC", go)
    counts.note("staging", "a", 1, "on", "STATIC", go)
    const taken = takeAll(counts, 5)
    assert.deepStrictEqual(
      taken.map(({ environment, uses }) => [environment, uses.length]),
      [
        ["production", 5],
        ["staging", 1]
      ]
    )
    assert.deepStrictEqual(taken[0]!.uses[0], {
      ...{ flag: "a", variant: "on", outcome: "STATIC", door: "flagd-rpc", sdk: "grpc-go" },
      ...{ version: 3, count: 3, at: 5 }
    })
    assert.deepStrictEqual(takeAll(counts, 6), [])
  })

  it("UN1 metrics are told of each door and outcome, of flags that are not there, too, and of each evaluation once", () => {
    const counts = new Counts()
    for (const flag of ["a", "b"]) counts.note("production", flag, 1, "on", "STATIC", go)
    counts.note("production", "a", 1, "on", "STATIC", js)
    counts.miss("FLAG_NOT_FOUND", bulk)
    takeAll(counts, 1)
    assert.deepStrictEqual(tallies(counts), [
      ["flagd-rpc", "STATIC", 3],
      ["ofrep-bulk", "FLAG_NOT_FOUND", 1]
    ])
    assert.deepStrictEqual(tallies(counts), [])
  })

  it("UN2 rows are bounded, in all and of one flag; what has no room is still in the metrics", () => {
    const counts = new Counts()
    for (let n = 0; n < 2 * ROWS_OF_FLAG; n++) counts.note("production", "a", 1, `v${n}`, "STATIC", go)
    assert.strictEqual(counts.leftOut, ROWS_OF_FLAG)
    for (let n = 0; n < 2 * ROWS; n++) counts.note(`e${n % 7}`, `f${n}`, 1, "on", "STATIC", go)
    const taken = takeAll(counts, 1)
    assert.strictEqual(rows(taken).length, ROWS)
    assert.isTrue(taken.every(({ uses }) => uses.length < BATCH + ROWS_OF_FLAG))
    assert.deepStrictEqual(tallies(counts), [["flagd-rpc", "STATIC", 2 * ROWS_OF_FLAG + 2 * ROWS]])
    counts.note("production", "again", 1, "on", "STATIC", go)
    assert.strictEqual(rows(takeAll(counts, 2)).length, 1)
  })

  it("UN4 what is taken at once is bounded, and what comes meanwhile is the next one's", () => {
    const counts = new Counts()
    for (let n = 0; n < 20_000; n++) counts.note(`e${n % 3}`, `f${n}`, 1, "on", "STATIC", go)
    const due = counts.due()
    const sizes: Array<number> = []
    for (let taken = 0; taken < due; taken += sizes.at(-1)!) {
      sizes.push(rows(counts.take(1)).length)
      counts.note("e0", "later", 1, "on", "STATIC", go)
    }
    assert.isTrue(sizes.every((size) => size <= 4_000))
    assert.isAbove(sizes.length, 3)
    const left = rows(takeAll(counts, 2)).reduce((sum, { count }) => sum + count, 0)
    assert.strictEqual(sizes.reduce((sum, size) => sum + size, 0) + left >= 20_000, true)
    assert.strictEqual(counts.due(), 0)
  })

  it("UN3 who follows all flags is seen each time until that ends, and is no evaluation", () => {
    const counts = new Counts()
    const sync = callerOf("flagd-sync", "grpc-go/1")
    const [one, two] = [counts.follow("production", sync), counts.follow("production", sync)]
    const seen = () => rows(takeAll(counts, 1)).map(({ flag, count }) => [flag, count])
    assert.deepStrictEqual(seen(), [[ALL, 2]])
    one()
    one()
    assert.deepStrictEqual(seen(), [[ALL, 0]])
    two()
    assert.deepStrictEqual(seen(), [])
    assert.deepStrictEqual(tallies(counts), [])
  })
})
