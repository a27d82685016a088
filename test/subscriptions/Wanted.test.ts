/** Where subscriptions are to begin, how far they are, and where lists of them go on. */
import { assert, describe, it } from "@effect/vitest"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { backlogOf } from "../../src/subscriptions/Backlog.ts"
import { cursorOf, cursorText } from "../../src/subscriptions/ListCursor.ts"
import { Ranges } from "../../src/subscriptions/Ranges.ts"
import { beginsOf, startOf, type Wanted, wantedOf } from "../../src/subscriptions/Wanted.ts"
import { HISTORIES } from "../../src/topics/MessageId.ts"

const bounds = (partition: number, first: number, next: number, before?: ReadonlyArray<number>) => ({
  ...{ topic: 1, partition, epoch: 7, first, next, bytes: 0, ...(before && { before }) }
})
/** Its epochs are 3 and more. */
const topic = { name: "t", log: "postgres", createdAt: 3_900 } as const
const all = [bounds(0, 10, 20), bounds(1, 0, 5)]
const places = (said: Readonly<Record<number, readonly [epoch: number, offset: number]>>) =>
  new Map(Object.entries(said).map(([at, [epoch, offset]]) => [Number(at), { epoch, offset }]))

describe("where a subscription begins", () => {
  it("OB1 it is written as the beginning of a read is, and an id is of the topic", () => {
    assert.deepStrictEqual(wantedOf("earliest", "orders"), { at: "earliest" })
    assert.deepStrictEqual(wantedOf("1764225600000", "orders"), { at: "time", millis: 1764225600000 })
    const one = wantedOf("orders:1:7:3", "orders") as Wanted
    assert.deepStrictEqual(one, { at: "offsets", places: places({ 1: [7, 3] }), others: "usual" })
    assert.deepStrictEqual(startOf(one), { at: "offsets", offsets: { 1: 3 } })
    assert.strictEqual(wantedOf("orders:1:7:3", "other"), "from: that is an id of orders, not of other")
    assert.match(wantedOf("-1", "orders") as string, /is no beginning/)
  })

  it("OB1 what is not said begins with what is new, and stays where it is when it is moved", () => {
    const wanted = { at: "offsets", places: places({ 0: [7, 12] }), others: "usual" } as const
    const first = { partition: 0, logEpoch: 7, offset: 12 }
    assert.deepStrictEqual(beginsOf(wanted, all, topic, "latest"), [first, { partition: 1, logEpoch: 7, offset: 5 }])
    assert.deepStrictEqual(beginsOf(wanted, all, topic, "stay"), [first])
    assert.deepStrictEqual(beginsOf({ ...wanted, others: "earliest" }, all, topic, "stay"), [
      first,
      { partition: 1, logEpoch: 7, offset: 0 }
    ])
    assert.deepStrictEqual(
      (beginsOf({ at: "earliest" }, all, topic, "stay") as ReadonlyArray<{ offset: number }>).map(
        ({ offset }) => offset
      ),
      [10, 0]
    )
  })

  it("OB1 TK3 what is beyond the end, of an epoch that never was or of no partition is refused; an epoch that was is not", () => {
    const were = [bounds(0, 10, 20, [4, 6]), bounds(1, 0, 5)]
    const of = (said: Parameters<typeof places>[0]) =>
      beginsOf({ at: "offsets", places: places(said), others: "usual" }, were, topic, "latest")
    const refused = (said: Parameters<typeof places>[0]) => {
      const error = of(said)
      return error instanceof HeraldError ? `${error.name} ${error.message}` : "taken"
    }
    assert.match(refused({ 0: [7, 21] }), /OffsetOutOfRange .*partition 0 of t ends at 20, and 21 is beyond that/)
    assert.match(refused({ 0: [8, 1] }), /OffsetOutOfRange .*knows no epoch 8: it is in 7 and was in 4, 6/)
    assert.match(refused({ 0: [3, 1] }), /OffsetOutOfRange .*knows no epoch 3:/)
    assert.match(refused({ 0: [5, 1] }), /OffsetOutOfRange .*knows no epoch 5:/) // between two
    assert.match(refused({ 1: [6, 1] }), /OffsetOutOfRange .*knows no epoch 6: it is in 7$/)
    assert.strictEqual(refused({ 0: [4, 1] }), "taken")
    assert.match(refused({ 2: [7, 1] }), /InvalidInput .*t has no partition 2/)
    assert.match(refused({}), /InvalidInput .*there are none/)
    assert.deepInclude((of({ 0: [6, 900] }) as ReadonlyArray<object>)[0], { logEpoch: 6, offset: 900 })
  })

  it("TK3 an epoch that may have been forgotten is not refused: of very many before it, or of a node's memory", () => {
    const epochs = Array.from({ length: HISTORIES - 1 }, (_, n) => 10 + 2 * n)
    const of = (epoch: number, log: "postgres" | "ephemeral", before: ReadonlyArray<number>) => {
      const its = { ...bounds(0, 0, 20, before), epoch: 1_000 }
      const wanted = { at: "offsets", places: places({ 0: [epoch, 1] }), others: "usual" } as const
      return !(beginsOf(wanted, [its], { ...topic, log }, "latest") instanceof HeraldError)
    }
    assert.deepStrictEqual(
      [2, 3, 9, 10, 11, 999].map((epoch) => of(epoch, "postgres", epochs)),
      [false, true, true, true, false, false]
    )
    assert.isFalse(of(9, "postgres", epochs.slice(1)), "all of them are remembered")
    assert.deepStrictEqual([of(9, "ephemeral", []), of(1_001, "ephemeral", [])], [true, false])
  })
})

describe("how far a subscription is", () => {
  const progress = (from: number, floor: number, done: ReadonlyArray<readonly [number, number]>, logEpoch = 7) => {
    const ranges = new Ranges(floor)
    for (const [a, b] of done) ranges.add(a, b)
    return {
      ...{ partition: 0, from, to: from + 1, share: from, logEpoch, floor, ranges: ranges.encode(), failed: 0 }
    }
  }

  it("UD1 what each slice has done or passed by is taken away, and nothing twice", () => {
    // Of 10 to 20, this one did all but 13 and has seen up to 18; the other waits for 15.
    const found = backlogOf([progress(0, 13, [[14, 18]]), progress(1, 15, [[16, 20]])], [bounds(0, 10, 20)])
    assert.deepStrictEqual(found, [{ partition: 0, epoch: 7, floor: 13, end: 20, holes: 2, backlog: 4 }])
  })

  it("UD1 a history that was lost, and what retention took, count for nothing", () => {
    const lost = backlogOf([progress(0, 900, [], 6)], [bounds(0, 10, 20)])
    assert.deepInclude(lost[0], { floor: 10, backlog: 10, holes: 0 })
    assert.deepInclude(backlogOf([progress(0, 3, [])], [bounds(0, 10, 20)])[0], { backlog: 10 })
    assert.deepInclude(backlogOf([progress(0, 20, [])], [bounds(0, 10, 20)])[0], { backlog: 0, floor: 20 })
    assert.deepInclude(backlogOf([], [bounds(0, 10, 20)])[0], { backlog: 10, floor: 20 })
  })
})

describe("pages of subscriptions", () => {
  it("OB1 the place where a list goes on is read as it was written, and nothing else is", () => {
    const at = { topicName: "orders/eu", subscriptionName: "billing" }
    assert.deepStrictEqual(cursorOf(cursorText(at)), at)
    assert.isUndefined(cursorOf(""))
    for (const wrong of ["orders", "a:b:c", ":b", "a:", "../x:b", "a:b c"]) assert.isString(cursorOf(wrong))
  })
})
