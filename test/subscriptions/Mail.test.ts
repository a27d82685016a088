/** Dead letters whose topic, log, store or neighbours are not as one would like. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { failure } from "../../src/errors/HeraldError.ts"
import { messagesOf } from "../../src/topics/Frames.ts"
import { definition } from "../support/Topics.ts"
import { mailed, messageAt, numbersOf, turn } from "./Mail.ts"

const many = (count: number, from = 0) => Array.from({ length: count }, (_, n) => messageAt(from + n))

const away = failure("DatabaseUnavailable", "away")

describe("dead letters on their way", () => {
  it.effect("QI1 QI2 those that commit late with lower ids take no place of others, and each is there once", () =>
    Effect.gen(function* () {
      let breaks = true
      const mail = yield* mailed(
        {},
        { log: (log) => ({ append: (batch) => Effect.suspend(() => (breaks ? away : log.append(batch))) }) }
      )
      yield* mail.bury(many(104, 5), 5)
      yield* turn
      yield* mail.bury(many(4, 1), 1) // Their ids were given before.
      breaks = false
      yield* turn
      const numbers = numbersOf(yield* mail.posted)
      assert.deepStrictEqual(
        [...numbers].sort((a, b) => a - b),
        Array.from({ length: 108 }, (_, n) => n + 1)
      )
    })
  )

  it.effect("QI2 a place in a topic that was deleted is none in its namesake", () =>
    Effect.gen(function* () {
      let breaks = true
      const mail = yield* mailed(
        {},
        { log: (log) => ({ append: (batch) => Effect.suspend(() => (breaks ? away : log.append(batch))) }) }
      )
      yield* mail.bury(many(100, 101), 101)
      yield* turn
      const { id: _, ...dead } = mail.dead
      yield* mail.topics.remove(mail.dead.name)
      const again = yield* mail.topics.create(dead, "ann")
      yield* mail.bury(many(100, 1), 1)
      breaks = false
      yield* turn
      const left = yield* mail.box.waiting(
        { subscriptionId: mail.id, topic: again.name },
        { limit: 999, maxBytes: 1e9 }
      )
      assert.isEmpty(left)
      assert.lengthOf(yield* mail.postedIn(again.id), 200)
    })
  )

  it.effect(
    "QI7 of a log that is away a few topics are tried in a turn, and those that failed come last in the next",
    () =>
      Effect.gen(function* () {
        const sick = new Set<number>()
        let tried = 0
        const mail = yield* mailed(
          {},
          {
            log: (log) => ({
              append: (batch) =>
                Effect.suspend(() => {
                  if (!sick.has(batch.topic)) return log.append(batch)
                  tried++
                  return failure("TopicLogUnavailable", "no leader")
                })
            })
          }
        )
        const others = yield* Effect.forEach(Array.from({ length: 12 }), () => mail.topics.create(definition(), "ann"))
        others.sort(({ name: a }, { name: b }) => (a < b ? -1 : 1))
        for (const { id } of others.slice(0, 8)) sick.add(id)
        for (const [n, { name }] of others.entries()) yield* mail.bury([messageAt(n)], undefined, name)
        yield* TestClock.adjust("2 seconds")
        assert.isAbove(tried, 0)
        assert.isAtMost(tried, 6)
        for (let n = 0; n < 4; n++) yield* turn
        for (const { id } of others.slice(8)) assert.lengthOf(yield* mail.postedIn(id), 1)
        sick.clear()
        for (let n = 0; n < 2; n++) yield* turn
        for (const { id } of others) assert.lengthOf(yield* mail.postedIn(id), 1)
      })
  )

  it.effect("QI1 who lost the lease appends nothing", () =>
    Effect.gen(function* () {
      let holds = false
      const mail = yield* mailed(
        {},
        { box: (box) => ({ number: (...of) => (holds ? box.number(...of) : Effect.succeed(false)) }) }
      )
      yield* mail.bury(many(3))
      yield* turn
      assert.isEmpty(yield* mail.posted)
      holds = true
      yield* turn
      assert.lengthOf(yield* mail.posted, 3)
    })
  )

  it.effect("QI4 QI5 what the topic's schema refuses is set aside, and holds back none", () =>
    Effect.gen(function* () {
      const schema = JSON.stringify({ properties: { n: { type: "number" } } })
      const mail = yield* mailed({ schema } as never)
      yield* mail.bury([
        messageAt(0),
        messageAt(1, { payload: Buffer.from(`{"n":"x"}`) }),
        messageAt(2),
        messageAt(3, { payload: Buffer.from([255]) }),
        messageAt(4)
      ])
      // Threads that check have a time of their own.
      for (let tries = 0; tries < 2_000 && (yield* mail.posted).length < 3; tries++) {
        yield* turn
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      assert.deepStrictEqual(numbersOf(yield* mail.posted), [0, 2, 4])
      const refused = (yield* mail.kept).map((one) => one.refused)
      assert.deepStrictEqual(
        refused.map((why) => why !== ""),
        [false, true, false, true, false]
      )
      assert.include(refused[1], "does not fit schema")
    })
  )

  it.effect("QI4 QI5 what the log refuses is found one by one and set aside, wherever it is", () =>
    Effect.gen(function* () {
      for (const bad of [[0], [4], [1, 2], [0, 4]]) {
        const mail = yield* mailed(
          {},
          {
            log: (log) => ({
              append: (batch) =>
                messagesOf(batch.events.bytes).some(({ headers }) => bad.includes(Number(headers.get("mine"))))
                  ? failure("InvalidEvent", "headers: that can't be")
                  : log.append(batch)
            })
          }
        )
        yield* mail.bury(many(5))
        yield* turn
        assert.deepStrictEqual(
          [...numbersOf(yield* mail.posted)].sort(),
          [0, 1, 2, 3, 4].filter((n) => !bad.includes(n))
        )
        const refused = (yield* mail.kept).flatMap((one, at) => (one.refused === "" ? [] : [at]))
        assert.deepStrictEqual(refused, bad)
      }
    })
  )

  it.effect("QI4 those of a disabled topic wait, and come when it is enabled", () =>
    Effect.gen(function* () {
      const mail = yield* mailed()
      const { topics, dead } = mail
      yield* topics.update(dead.name, { enabled: false })
      yield* mail.bury(many(2))
      yield* turn
      assert.isEmpty(yield* mail.posted)
      yield* topics.update(dead.name, { enabled: true })
      yield* turn
      assert.lengthOf(yield* mail.posted, 2)
    })
  )

  it.effect("QI3 headers of Herald's own that it had before are kept under other names, but for those of routing", () =>
    Effect.gen(function* () {
      const mail = yield* mailed()
      const headers = new Map([
        ["mine", "0"],
        ["herald-key", "base64"],
        ["Herald-Reason", "forged"],
        ["herald-route-hops", "3"]
      ])
      yield* mail.bury([messageAt(0, { headers })])
      yield* turn
      const [one] = yield* mail.posted
      assert.deepInclude(Object.fromEntries(one!.headers), {
        ...{ "was-herald-key": "base64", "was-Herald-Reason": "forged", "herald-route-hops": "3" },
        "herald-reason": "attempts"
      })
      assert.isFalse(one!.headers.has("herald-key"))
    })
  )

  it.effect("QI4 they are compressed as their topic says", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const mail = yield* mailed(
        { compression: "none" },
        {
          log: (log) => ({
            append: (batch) => {
              seen.push(batch.compression)
              return log.append(batch)
            }
          })
        }
      )
      yield* mail.bury(many(1))
      yield* turn
      assert.deepStrictEqual(seen, ["none"])
    })
  )
})
