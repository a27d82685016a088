import { assert, describe, it } from "@effect/vitest"
import { type Anomaly, type At, check, type Happened, type Log } from "./TopicChecker.ts"

const at = (offset: number, epoch = 1, partition = 0): At => ({ partition, epoch, offset })
const row = (offset: number, value: string, epoch = 1) => ({ at: at(offset, epoch), value })
const send = (order: number, value: string, offset?: number, change: object = {}): Happened => ({
  ...{ what: "send", producer: "p", value, partition: 0, order, outcome: "ok" },
  ...(offset === undefined ? {} : { at: at(offset) }),
  ...change
})
const poll = (...got: Log): Happened => ({ what: "poll", reader: "r", got })
const given = (consumer: string, offset: number, attempt = 1, key = "k"): Happened => ({
  ...{ what: "given", consumer, key, at: at(offset), attempt }
})
const answered = (consumer: string, offset: number, answer: "accept" | "fail" = "accept"): Happened => ({
  ...{ what: "answered", consumer, at: at(offset), answer }
})
const log = [row(0, "a"), row(1, "b"), row(2, "c")]
const sent = log.map(({ value }, n) => send(n + 1, value, n))

const found = (history: ReadonlyArray<Happened>, whole: Log = log): ReadonlyArray<Anomaly> => [
  ...new Set(check(history, whole).map(({ anomaly }) => anomaly))
]

describe("the checker of topics", () => {
  it("ZH1 ZH2 ZH3 ZH4 ZH5 ZH6 finds nothing where nothing is wrong", () => {
    const history: ReadonlyArray<Happened> = [
      ...sent,
      send(4, "maybe", undefined, { outcome: "info" }),
      send(5, "no", undefined, { outcome: "fail" }),
      poll(...log.slice(0, 2)),
      poll(log[2]!),
      { what: "seek", reader: "r", partition: 0 },
      poll(...log),
      given("x", 0),
      given("x", 1),
      answered("x", 0, "fail"),
      { what: "left", consumer: "x", forgets: false },
      given("y", 0, 2),
      answered("y", 0),
      { what: "effect", at: at(0) },
      { what: "dead", at: at(1) },
      { what: "moved" },
      given("x", 0)
    ]
    assert.deepStrictEqual(check(history, log), [])
  })

  it("ZH1 lost and unseen writes, but not what is kept no longer", () => {
    assert.deepStrictEqual(found(sent, [row(0, "a"), row(2, "c")]), ["lost-write"])
    assert.deepStrictEqual(found(sent, log.slice(0, 2)), ["unseen"])
    const trim: Happened = { what: "gap", reader: "r", partition: 0, to: 2, trimmed: true }
    assert.deepStrictEqual(found([...sent, trim], log.slice(2)), [])
  })

  it("ZH2 a value at two offsets, an offset with two values, and what had failed", () => {
    assert.deepStrictEqual(found(sent, [...log, row(3, "a")]), ["duplicate"])
    assert.deepStrictEqual(found([poll(row(1, "x"))]), ["inconsistent-offsets"])
    assert.deepStrictEqual(found([send(1, "a", 1)], [row(0, "a")]), ["inconsistent-offsets"])
    assert.deepStrictEqual(found([send(1, "a", undefined, { outcome: "fail" })]), ["aborted-read"])
    assert.deepStrictEqual(found([poll(row(1, "x", 2))]), []) // another epoch is another history
  })

  it("ZH3 sends and polls that go back, or leave out", () => {
    assert.deepStrictEqual(found([send(1, "b", 1), send(2, "a", 0)]), ["nonmonotonic-send"])
    assert.deepStrictEqual(found([poll(log[0]!, log[2]!)]), ["int-poll-skip"])
    assert.deepStrictEqual(found([poll(log[1]!, log[0]!)]), ["int-nonmonotonic-poll"])
    assert.deepStrictEqual(found([poll(log[0]!), poll(log[2]!)]), ["poll-skip"])
    assert.deepStrictEqual(found([poll(log[1]!), poll(log[1]!)]), ["nonmonotonic-poll"])
    assert.deepStrictEqual(check([poll(log[0]!, log[2]!)], log, { filtered: true }), [])
    const gap = (trimmed: boolean): Happened => ({ what: "gap", reader: "r", partition: 0, to: 2, trimmed })
    assert.deepStrictEqual(found([poll(log[0]!), gap(true), poll(log[2]!)]), [])
    assert.deepStrictEqual(found([poll(log[0]!), gap(false), poll(log[2]!)]), ["gap-without-trim"])
    assert.deepStrictEqual(found([poll(row(0, "a"))], [row(0, "a"), row(7, "h")]), []) // offsets may have holes
  })

  it("ZH4 a key at two consumers, counts that go down, what was accepted and came again, a dead letter that is there twice", () => {
    assert.deepStrictEqual(found([given("x", 0), given("y", 1)]), ["key-order"])
    assert.deepStrictEqual(found([given("x", 0, 1, ""), given("y", 1, 1, "")]), [])
    assert.deepStrictEqual(found([given("x", 0, 2), answered("x", 0, "fail"), given("x", 0, 1)]), ["count-regression"])
    assert.deepStrictEqual(found([given("x", 0), answered("x", 0), given("x", 0, 2)]), ["ack-resurrection"])
    const forgot: Happened = { what: "left", consumer: "x", forgets: true }
    assert.deepStrictEqual(found([given("x", 0), answered("x", 0), forgot, given("y", 0, 2)]), [])
    const dead: Happened = { what: "dead", at: at(1) }
    assert.deepStrictEqual(found([dead, dead]), ["dead-letter-twice"])
  })

  it("ZH5 effects that happened twice, or never", () => {
    const effect = (offset: number): Happened => ({ what: "effect", at: at(offset) })
    assert.deepStrictEqual(found([effect(0), effect(0)]), ["effect-twice"])
    assert.deepStrictEqual(found([effect(0), answered("x", 0), answered("x", 1)]), ["effect-lost"])
  })

  it("ZH6 what a fenced producer sent, and is there", () => {
    assert.deepStrictEqual(found([send(1, "a", undefined, { outcome: "info", fenced: true })]), ["fence-breach"])
  })
})
