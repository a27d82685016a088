/** What is made of a candidate for whoever gets it: renderings, differences, and what is strict. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { settle } from "../support/Clock.ts"
import {
  answered,
  begin,
  commit,
  connect,
  HALF,
  IN,
  LATER,
  move,
  moved,
  nodeOn,
  OUT,
  test
} from "../support/Cohorts.ts"
import { Faults } from "../support/Faults.ts"
import { change } from "../support/Release.ts"

describe("what is made of a candidate", () => {
  test(
    "U2 U4 templates are rendered of the candidate for its cohort alone, also when variables change",
    Effect.gen(function* () {
      yield* commit(change("herald.variables", `{"a":"1"}`, { valueType: "json" }), change("svc", "old {{a}}"))
      const key = yield* begin({ svc: "new {{a}} {{client.zone}}" }, HALF)
      const [inside, outside] = [yield* connect(IN, { labels: { zone: "z" } }), yield* connect(OUT)]
      const lacking = yield* connect(LATER)
      yield* answered(inside, outside)
      yield* commit(change("herald.variables", `{"a":"2"}`, { valueType: "json" }))
      assert.deepStrictEqual(outside.told, ["svc old 1 v1 @1", "svc old 2 v1 @4"])
      assert.deepStrictEqual(inside.told, ["svc new 1 z v2 @3", "svc new 2 z v2 @4"])
      assert.deepStrictEqual(lacking.told, Array(2).fill("svc problem missing in the template: client.zone"))
      yield* answered(inside)
      yield* move(key, "rolled_back")
      assert.deepStrictEqual(inside.told.slice(2), ["svc old 2 v1 @5"])
      assert.deepStrictEqual(lacking.told.slice(2), ["svc old 2 v1 @5"])
    })
  )

  test(
    "DV7 U4 a template that was completed is not sent again, unless what it is made of changed meanwhile",
    Effect.gen(function* () {
      yield* commit(change("herald.variables", `{"a":"1"}`, { valueType: "json" }), change("svc", "old {{a}}"))
      const inside = yield* connect(IN)
      yield* answered(inside)
      const key = yield* begin({ svc: "new {{a}}" }, HALF)
      yield* answered(inside)
      yield* commit(change("herald.variables", `{"a":"2"}`, { valueType: "json" }))
      yield* answered(inside)
      yield* move(key, "completed")
      assert.deepStrictEqual(inside.told, ["svc old 1 v1 @1", "svc new 1 v2 @3", "svc new 2 v2 @4"])
      yield* commit(change("herald.variables", `{"a":"3"}`, { valueType: "json" }))
      assert.deepStrictEqual(inside.told.slice(3), ["svc new 3 v2 @6"])
      const second = yield* begin({ svc: "third {{a}}" }, HALF)
      yield* answered(inside)
      const { changes } = yield* move(second, "completed")
      assert.lengthOf(changes, 2)
      assert.deepStrictEqual(inside.told.slice(4), ["svc third 3 v3 @8"])
    })
  )

  test(
    "DT2 U3 differences are made from one to the other and back, and each part of the clients has its own text",
    Effect.gen(function* () {
      const long = (last: string) => JSON.stringify({ a: "x".repeat(200), last })
      yield* commit(change("svc", long("old"), { valueType: "json" }))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      yield* answered(inside, outside)
      const key = yield* begin({ svc: change("svc", long("new"), { valueType: "json" }) }, HALF)
      yield* answered(inside)
      yield* move(key, "rolled_back")
      yield* answered(inside)
      assert.deepStrictEqual(inside.told, [
        `svc ${long("old")} v1 @1`,
        `svc ${long("new")} v2 @3 patched`,
        `svc ${long("old")} v1 @4 patched`
      ])
    })
  )

  it.effect("S6 a strict candidate is not sent while the view is stale", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      yield* answered(inside, outside)
      yield* begin({ svc: change("svc", "new", { strict: true }) }, 0)
      yield* commit(...(yield* moved("r2", "deploying", HALF)))
      faults.fails = true
      yield* TestClock.adjust("10 seconds")
      const again = yield* connect(IN)
      assert.deepStrictEqual(again.told, [])
      faults.fails = false
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepStrictEqual(again.told, ["svc new v2 @4"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1"])
    }).pipe(Effect.provide(nodeOn(faults.state, faults.layer(true))))
  })
})
