/** Who gets what: sessions of clients in and out of a cohort. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import {
  ALL,
  again,
  answered,
  begin,
  commit,
  connect,
  HALF,
  IN,
  LATER,
  move,
  OUT,
  rows,
  test
} from "../support/Cohorts.ts"
import { change } from "../support/Release.ts"
import * as Twin from "../support/RolloutTwin.ts"

describe("who gets what", () => {
  test(
    "RQ2 CE1 the cohort gets the candidate as of the stage by which each came in, and nobody else does",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const [inside, later, outside] = [yield* connect(IN), yield* connect(LATER), yield* connect(OUT)]
      yield* answered(inside, later, outside)
      yield* commit(begin("r2", { svc: "new" }, HALF / 2))
      yield* answered(inside)
      yield* commit(move("r2", "baking"))
      yield* commit(move("r2", "deploying", HALF))
      yield* answered(inside, later)
      assert.deepStrictEqual(inside.told, ["svc old v1 @1", "svc new v2 @2"])
      assert.deepStrictEqual(later.told, ["svc old v1 @1", "svc new v2 @4"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1"])
      const [second, fresh] = [yield* again(IN, inside), yield* connect(`${OUT}`)]
      assert.deepStrictEqual([second.told, fresh.told], [[], ["svc old v1 @1"]])
    })
  )

  test(
    "S2 taken back, those who had it have what is current again, at the transition's position",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      yield* commit(begin("r2", { svc: "new" }, HALF))
      yield* answered(inside, outside)
      const gone = inside.held
      yield* commit(move("r2", "rolled_back"))
      assert.deepStrictEqual(inside.told, ["svc old v1 @1", "svc new v2 @2", "svc old v1 @3"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1"])
      const { epoch } = (yield* Propagation).position()
      const late = yield* connect(IN, { held: gone, position: { epoch, revision: 2n } })
      assert.deepStrictEqual(late.told, ["svc old v1 @3"])
      yield* commit(change("svc", "next"))
      assert.deepStrictEqual(late.told.slice(1), ["svc next v2 @4"])
    })
  )

  test(
    "DV7 completed, who has it and answered is not sent it again, whoever refused it is, and all others get it",
    Effect.gen(function* () {
      const all = yield* Sessions
      yield* commit(change("svc", "old"))
      const [inside, refusing, outside] = [yield* connect(IN), yield* connect(LATER), yield* connect(OUT)]
      yield* answered(inside, refusing, outside)
      yield* commit(begin("r2", { svc: "new" }, HALF))
      inside.answer(all)
      refusing.answer(all, false)
      yield* commit(move("r2", "completed"), change("svc", "new"))
      assert.deepStrictEqual(inside.told, ["svc old v1 @1", "svc new v2 @2"])
      assert.deepStrictEqual(refusing.told, ["svc old v1 @1", "svc new v2 @2", "svc new v2 @3"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1", "svc new v2 @3"])
      assert.strictEqual(inside.session.behind, 0)
      yield* answered(outside)
      yield* commit(change("svc", "third"))
      assert.deepStrictEqual(inside.told.slice(2), ["svc third v3 @4"])
    })
  )

  test(
    "P8 a key that only the rollout has is the cohort's, and gone when it is taken back",
    Effect.gen(function* () {
      yield* commit(change("other", "x"))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      yield* commit(begin("r2", { "svc.a": "new" }, HALF, 1))
      assert.deepStrictEqual([inside.told, outside.told], [["svc.a new v1 @2"], []])
      const [fresh, exact] = [yield* connect(IN), yield* connect(LATER, { patterns: ["svc.a"] })]
      assert.deepStrictEqual([fresh.told, exact.told], [["svc.a new v1 @2"], ["svc.a new v1 @2"]])
      assert.deepStrictEqual((yield* connect(OUT)).told, [])
      yield* answered(fresh, exact)
      const held = fresh.held
      yield* commit(move("r2", "aborted"))
      assert.deepStrictEqual([fresh.told.slice(1), exact.told.slice(1)], [["svc.a deleted @3"], ["svc.a deleted @3"]])
      const { epoch } = (yield* Propagation).position()
      const late = yield* connect(IN, { held, position: { epoch, revision: 2n } })
      assert.deepStrictEqual(late.told, ["svc.a deleted @3"])
    })
  )

  test(
    "DV6 who was in a cohort unseen, or is in none any more by its labels, has what is current at no earlier position",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      yield* commit(begin("r2", { svc: "new" }, HALF))
      const { held } = yield* connect(IN)
      yield* commit(move("r2", "rolled_back"))
      const { epoch } = (yield* Propagation).position()
      const salted = { ...begin("r4", { svc: "third" }, ALL), of: { ...begin("r4", { svc: "third" }).of!, salt: "x" } }
      yield* commit({ ...salted, below: 0 })
      const late = yield* connect(IN, { held, position: { epoch, revision: 2n } })
      assert.deepStrictEqual(late.told, ["svc old v1 @4"])
      yield* answered(late)
      yield* commit(move("r4", "deploying", ALL))
      assert.deepStrictEqual(late.told.slice(1), ["svc third v2 @5"])
    })
  )

  test(
    "RQ2 labels say who is in it, and who comes with others is out of it",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const of = begin("r2", { svc: "new" }, ALL)
      const plan = { ...Twin.many, stages: [{ ...Twin.many.stages[0]!, where: { region: "eu" } }] }
      yield* commit({ ...of, of: { ...of.of!, plan } })
      const eu = yield* connect(OUT, { labels: { region: "eu" } })
      const us = yield* connect(IN, { labels: { region: "us" } })
      assert.deepStrictEqual([eu.told, us.told], [["svc new v2 @2"], ["svc old v1 @1"]])
      const moved = yield* again(OUT, eu, { region: "us" })
      assert.deepStrictEqual(moved.told, ["svc old v1 @2"])
      const back = yield* again(OUT, moved, { region: "eu" })
      assert.deepStrictEqual(back.told, ["svc new v2 @2"])
    })
  )

  test(
    "U2 U4 templates are rendered of the candidate for its cohort alone, also when variables change",
    Effect.gen(function* () {
      yield* commit(change("herald.variables", `{"a":"1"}`, { valueType: "json" }), change("svc", "old {{a}}"))
      yield* commit(begin("r2", { svc: "new {{a}} {{client.zone}}" }, HALF))
      const [inside, outside] = [yield* connect(IN, { labels: { zone: "z" } }), yield* connect(OUT)]
      const lacking = yield* connect(LATER)
      yield* answered(inside, outside)
      yield* commit(change("herald.variables", `{"a":"2"}`, { valueType: "json" }))
      assert.deepStrictEqual(outside.told, ["svc old 1 v1 @1", "svc old 2 v1 @3"])
      assert.deepStrictEqual(inside.told, ["svc new 1 z v2 @2", "svc new 2 z v2 @3"])
      assert.deepStrictEqual(lacking.told, Array(2).fill("svc problem missing in the template: client.zone"))
      yield* answered(inside)
      yield* commit(move("r2", "rolled_back"))
      assert.deepStrictEqual(inside.told.slice(2), ["svc old 2 v1 @4"])
      assert.deepStrictEqual(lacking.told.slice(2), ["svc old 2 v1 @4"])
    })
  )

  test(
    "DT2 U3 differences are made from one to the other and back, and each part of the clients has its own text",
    Effect.gen(function* () {
      const long = (last: string) => JSON.stringify({ a: "x".repeat(200), last })
      yield* commit(change("svc", long("old"), { valueType: "json" }))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      yield* answered(inside, outside)
      const of = begin("r2", { svc: long("new") }, HALF)
      yield* commit({ ...of, wishes: [{ key: "svc", wish: change("svc", long("new"), { valueType: "json" }) }] })
      yield* answered(inside)
      yield* commit(move("r2", "rolled_back"))
      yield* answered(inside)
      assert.deepStrictEqual(inside.told, [
        `svc ${long("old")} v1 @1`,
        `svc ${long("new")} v2 @2 patched`,
        `svc ${long("old")} v1 @3 patched`
      ])
    })
  )

  test(
    "CZ2 a candidate is read once for all, and again when it could not be",
    Effect.gen(function* () {
      const table = yield* rows
      yield* commit(change("svc", "old"))
      const clients = yield* Effect.forEach([IN, LATER], (one) => connect(one))
      yield* answered(...clients)
      table.failure = failure("DatabaseUnavailable", "away")
      yield* commit(begin("r2", { svc: "new" }, HALF))
      assert.deepStrictEqual(
        clients.map(({ told }) => told.length),
        [1, 1]
      )
      table.failure = undefined
      const before = table.reads
      yield* TestClock.adjust("300 millis")
      yield* settle
      assert.deepStrictEqual(
        clients.map(({ told }) => told[1]),
        ["svc new v2 @2", "svc new v2 @2"]
      )
      assert.strictEqual(table.reads - before, 1)
      assert.strictEqual(clients[0]!.sink.values[1], clients[1]!.sink.values[1]) // U1
    })
  )

  test(
    "CQ1 a view that is read anew says what it said",
    Effect.gen(function* () {
      const state = yield* State.service
      yield* commit(change("svc", "old"), change("svc.b", "b"))
      yield* commit(begin("r2", { svc: "new" }, HALF))
      const inside = yield* connect(IN)
      yield* answered(inside)
      const { epoch } = state
      Object.assign(state, { epoch: "restored" })
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.notStrictEqual(epoch, (yield* Propagation).position().epoch)
      assert.deepStrictEqual(new Set(inside.told.slice(2)), new Set(["svc new v2 @2", "svc.b b v1 @1"]))
    })
  )
})
