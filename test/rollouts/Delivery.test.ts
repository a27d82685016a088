/** Who gets what: sessions of clients in and out of a cohort. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Bookkeeping } from "../../src/fleet/Bookkeeping.ts"
import { Clients } from "../../src/fleet/Clients.ts"
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
  Reads,
  test
} from "../support/Cohorts.ts"
import { change } from "../support/Release.ts"
import { plan, stage } from "../support/Rollouts.ts"

/** As one that is taken for the first time by the others, whose buckets are other ones. */
const OTHERS = { salt: "another" }

describe("who gets what", () => {
  test(
    "RQ2 CE1 the cohort gets the candidate as of the stage by which each came in, and nobody else does",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const [inside, later, outside] = [yield* connect(IN), yield* connect(LATER), yield* connect(OUT)]
      yield* answered(inside, later, outside)
      const key = yield* begin({ svc: "new" }, HALF / 2)
      yield* answered(inside)
      yield* move(key, "baking")
      yield* move(key, "deploying", HALF)
      yield* move(key, "paused")
      yield* answered(inside, later)
      assert.deepStrictEqual(inside.told, ["svc old v1 @1", "svc new v2 @3"])
      assert.deepStrictEqual(later.told, ["svc old v1 @1", "svc new v2 @5"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1"])
      const [second, fresh] = [yield* again(IN, inside), yield* connect(OUT)]
      assert.deepStrictEqual([second.told, fresh.told], [[], ["svc old v1 @1"]])
    })
  )

  test(
    "S2 taken back, those who had it have what is current again, at the transition's position",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      const key = yield* begin({ svc: "new" }, HALF)
      yield* answered(inside, outside)
      const { held } = inside
      yield* move(key, "rolled_back")
      assert.deepStrictEqual(inside.told, ["svc old v1 @1", "svc new v2 @3", "svc old v1 @4"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1"])
      const { epoch } = (yield* Propagation).position()
      const late = yield* connect(IN, { held, position: { epoch, revision: 3n } })
      assert.deepStrictEqual(late.told, ["svc old v1 @4"])
      yield* commit(change("svc", "next"))
      assert.deepStrictEqual(late.told.slice(1), ["svc next v3 @5"])
    })
  )

  test(
    "DV7 completed, who has it and answered is not sent it again, whoever refused it is, and all others get it",
    Effect.gen(function* () {
      const all = yield* Sessions
      yield* commit(change("svc", "old"))
      const [inside, refusing, outside] = [yield* connect(IN), yield* connect(LATER), yield* connect(OUT)]
      yield* answered(inside, refusing, outside)
      const key = yield* begin({ svc: "new" }, HALF)
      inside.answer(all)
      refusing.answer(all, false)
      yield* move(key, "completed")
      assert.deepStrictEqual(inside.told, ["svc old v1 @1", "svc new v2 @3"])
      assert.deepStrictEqual(refusing.told, ["svc old v1 @1", "svc new v2 @3", "svc new v2 @4"])
      assert.deepStrictEqual(outside.told, ["svc old v1 @1", "svc new v2 @4"])
      assert.strictEqual(inside.session.behind, 0)
      yield* answered(outside)
      yield* commit(change("svc", "third"))
      assert.deepStrictEqual(inside.told.slice(2), ["svc third v3 @5"])
    })
  )

  test(
    "P8 a key that only the rollout has is the cohort's, and gone when it is taken back",
    Effect.gen(function* () {
      yield* commit(change("other", "x"))
      const [inside, outside] = [yield* connect(IN), yield* connect(OUT)]
      const key = yield* begin({ "svc.a": "new" }, HALF)
      assert.deepStrictEqual([inside.told, outside.told], [["svc.a new v1 @3"], []])
      const [fresh, exact] = [yield* connect(IN), yield* connect(LATER, { patterns: ["svc.a"] })]
      assert.deepStrictEqual([fresh.told, exact.told], [["svc.a new v1 @3"], ["svc.a new v1 @3"]])
      assert.deepStrictEqual((yield* connect(OUT)).told, [])
      yield* answered(fresh, exact)
      const { held } = fresh
      yield* move(key, "aborted")
      assert.deepStrictEqual([fresh.told.slice(1), exact.told.slice(1)], [["svc.a deleted @4"], ["svc.a deleted @4"]])
      const { epoch } = (yield* Propagation).position()
      const late = yield* connect(IN, { held, position: { epoch, revision: 3n } })
      assert.deepStrictEqual(late.told, ["svc.a deleted @4"])
    })
  )

  test(
    "S2 who was in an earlier cohort and did not see that it ended has what is current at no earlier position",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const key = yield* begin({ svc: "new" }, HALF)
      const [{ held }, outside] = [yield* connect(IN), yield* connect(OUT)]
      yield* answered(outside)
      yield* move(key, "rolled_back")
      const { epoch } = (yield* Propagation).position()
      const second = yield* begin({ svc: "third" }, 0, OTHERS)
      const late = yield* connect(IN, { held, position: { epoch, revision: 3n } })
      assert.deepStrictEqual(late.told, ["svc old v1 @4"])
      yield* answered(late)
      yield* move(second, "deploying", ALL)
      assert.deepStrictEqual(late.told.slice(1), ["svc third v3 @7"])
      assert.deepStrictEqual(outside.told.slice(1), ["svc third v3 @7"]) // DV7
    })
  )

  test(
    "DV6 RQ2 labels say who is in it, and who comes with others is out of it, and nothing of it goes backwards",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      yield* begin({ svc: "new" }, ALL, { plan: plan({ stages: [stage(100, { where: { region: "eu" } })] }) })
      const eu = yield* connect(OUT, { labels: { region: "eu" } })
      const us = yield* connect(IN, { labels: { region: "us" } })
      assert.deepStrictEqual([eu.told, us.told], [["svc new v2 @3"], ["svc old v1 @1"]])
      yield* commit(change("other", "x"))
      const moved = yield* again(OUT, eu, { region: "us" })
      assert.deepStrictEqual(moved.told, ["svc old v1 @4"])
      yield* commit(change("other", "y"))
      const back = yield* again(OUT, moved, { region: "eu" })
      assert.deepStrictEqual(back.told, ["svc new v2 @5"])
    })
  )

  test(
    "RQ2 DV7 operators see of each client what it should have, and who has it is behind at no time",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const both = [yield* connect(IN), yield* connect(OUT)]
      yield* answered(...both)
      const known = Effect.gen(function* () {
        yield* (yield* Bookkeeping).flush
        const { clients } = yield* (yield* Clients).list({ environment: "production", limit: 10 })
        const facts = clients.map(({ instance, keys: [one] }) => {
          const says = (at: { readonly version: number; readonly revision: bigint } | undefined) =>
            at === undefined ? "nothing" : `v${at.version}@${at.revision}`
          return [instance, `${says(one?.applied)} of ${says(one?.desired)}`] as const
        })
        const lagging = yield* (yield* Clients).list({ environment: "production", limit: 10, lagging: true })
        return [...new Map(facts).entries(), lagging.clients.length]
      }).pipe(Effect.provideService(CurrentIdentity, system))
      const key = yield* begin({ svc: "new" }, HALF)
      assert.sameDeepMembers(yield* known, [[IN, "v1@1 of v2@3"], [OUT, "v1@1 of v1@1"], 1])
      yield* answered(...both)
      assert.sameDeepMembers(yield* known, [[IN, "v2@3 of v2@3"], [OUT, "v1@1 of v1@1"], 0])
      yield* move(key, "completed")
      assert.sameDeepMembers(yield* known, [[IN, "v2@4 of v2@4"], [OUT, "v1@1 of v2@4"], 1])
      yield* answered(...both)
      assert.sameDeepMembers(yield* known, [[IN, "v2@4 of v2@4"], [OUT, "v2@4 of v2@4"], 0])
    })
  )

  test(
    "EZ1 CZ2 U1 a candidate is read once and is one object for all, and read again when it could not be",
    Effect.gen(function* () {
      const reads = yield* Reads
      yield* commit(change("svc", "old"))
      const clients = yield* Effect.forEach([IN, LATER], (one) => connect(one))
      yield* answered(...clients)
      reads.failure = failure("DatabaseUnavailable", "away")
      yield* begin({ svc: "new" }, HALF)
      assert.deepStrictEqual(
        clients.map(({ told }) => told.length),
        [1, 1]
      )
      reads.failure = undefined
      const before = reads.count
      yield* TestClock.adjust("300 millis")
      yield* settle
      assert.deepStrictEqual(
        clients.map(({ told }) => told[1]),
        ["svc new v2 @3", "svc new v2 @3"]
      )
      assert.strictEqual(reads.count - before, 1)
      assert.strictEqual(clients[0]!.sink.values[1], clients[1]!.sink.values[1]) // U1
    })
  )

  test(
    "RQ2 a candidate that was taken back while it was read is sent to nobody",
    Effect.gen(function* () {
      const reads = yield* Reads
      yield* commit(change("svc", "old"))
      const inside = yield* connect(IN)
      yield* answered(inside)
      yield* reads.gate.close
      const key = yield* begin({ svc: "new" }, HALF)
      const fresh = yield* connect(LATER)
      yield* move(key, "rolled_back")
      yield* reads.gate.open
      yield* settle
      assert.deepStrictEqual(inside.told, ["svc old v1 @1"]) // DV7
      assert.deepStrictEqual(fresh.told, ["svc old v1 @4"])
    })
  )

  test(
    "CQ1 P1 a view that is read anew says what it said, and a history that was lost is told from the beginning",
    Effect.gen(function* () {
      const state = yield* State.service
      yield* commit(change("svc", "old"), change("svc.b", "b"))
      yield* begin({ svc: "new" }, HALF)
      const inside = yield* connect(IN)
      yield* answered(inside)
      Object.assign(state, { epoch: "restored" })
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual((yield* Propagation).position().epoch, "restored")
      assert.sameMembers(inside.told.slice(2), ["svc new v2 @3", "svc.b b v1 @1"])
    })
  )
})
