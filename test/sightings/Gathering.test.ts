/** What nodes make known of the instances of a rollout, from their sessions. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { system } from "../../src/access/Identity.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { ALL, answered, begin, commit, connect, HALF, IN, LATER, move, OUT } from "../support/Cohorts.ts"
import {
  answer,
  BROKE,
  begun,
  CLOSED,
  counts,
  end,
  evidence,
  report,
  test,
  Writes,
  written
} from "../support/Gathered.ts"
import { change } from "../support/Release.ts"
import { plan, stage } from "../support/Rollouts.ts"

describe("Gathering", () => {
  test(
    "EE1 IR1 who is in the cohort is offered, delivered, applied, healthy; all others are nobody's",
    Effect.gen(function* () {
      const { key, inside, later } = yield* begun()
      assert.deepStrictEqual(yield* counts(key), { delivered: 2 })
      yield* answered(inside)
      assert.deepStrictEqual(yield* counts(key), { delivered: 1, applied: 1 })
      yield* report(IN, "healthy")
      yield* report(OUT, "unhealthy")
      yield* answer(later, false)
      assert.deepStrictEqual(yield* counts(key), { healthy: 1, rejected: 1 })
      yield* report(IN, "unhealthy", { message: "it\u0000 hurts" })
      const { bad, examples, complete } = yield* Effect.andThen(written, evidence(key))
      assert.strictEqual(bad, 2n)
      assert.sameDeepMembers(
        [...examples],
        [
          { service: "svc", instance: LATER, is: "rejected", reason: "no" },
          { service: "svc", instance: IN, is: "unhealthy", reason: "it\ufffd hurts" }
        ]
      )
      assert.isTrue(complete)
      yield* answered(later)
      yield* report(IN, "degraded")
      assert.deepStrictEqual(yield* counts(key), { rejected: 1, applied: 1 })
    })
  )

  test(
    "IR3 a stage that begins is told of once all instances of the node were looked at",
    Effect.gen(function* () {
      const { key, inside } = yield* begun(HALF / 2)
      yield* answered(inside)
      assert.deepStrictEqual(yield* counts(key), { applied: 1 })
      assert.isTrue((yield* evidence(key)).complete)
      yield* move(key, "deploying", ALL)
      assert.isFalse((yield* evidence(key)).complete)
      assert.deepStrictEqual(yield* counts(key), { applied: 1, delivered: 2 })
      assert.isTrue((yield* evidence(key)).complete)
      const { batches } = yield* Writes
      const stages = batches.flatMap(({ sightings }) => sightings.map(({ instance, stage }) => `${instance} ${stage}`))
      assert.includeMembers([...new Set(stages)], [`${IN} 0`, `${LATER} 1`, `${OUT} 1`])
    })
  )

  test(
    "EE1 who connects with what it holds has applied it, and who comes without is sent it",
    Effect.gen(function* () {
      const { key, inside } = yield* begun()
      yield* answered(inside)
      const { held } = inside
      yield* end(inside, BROKE)
      assert.deepStrictEqual(yield* counts(key), { delivered: 1, gone: 1 })
      assert.deepStrictEqual(yield* counts(key, 100), { delivered: 1, gone: 1, lost: 1 })
      const back = yield* connect(IN, { held })
      assert.deepStrictEqual(back.told, [])
      assert.deepStrictEqual(yield* counts(key), { delivered: 1, applied: 1 })
      yield* end(back, CLOSED)
      assert.deepStrictEqual(yield* counts(key), { delivered: 1, left: 1 })
      yield* connect(IN)
      assert.deepStrictEqual(yield* counts(key), { delivered: 2 })
    })
  )

  test(
    "EE1 one that crashes when it applies it is lost, though it comes back each time; one that is told to leave is not",
    Effect.gen(function* () {
      const { key, inside, later, outside } = yield* begun()
      yield* answered(inside, later)
      yield* end(outside, BROKE)
      let client = inside
      for (let n = 0; n < 3; n++) {
        yield* end(client, BROKE)
        yield* written
        client = yield* connect(IN)
        yield* answered(client)
      }
      let other = later
      for (const ending of [{ name: "Draining", reason: "" }, { name: "KeyRevoked", reason: "" }, CLOSED] as const) {
        yield* end(other, ending)
        yield* written
        other = yield* connect(LATER)
        yield* answered(other)
      }
      assert.deepStrictEqual(yield* counts(key), { applied: 2, lost: 1 })
      assert.strictEqual((yield* evidence(key)).bad, 3n)
    })
  )

  test(
    "IS3 a connection that breaks long after the change came is no crash",
    Effect.gen(function* () {
      const all = yield* Sessions
      const { key, inside, later } = yield* begun()
      yield* answered(inside, later)
      let client = inside
      for (let n = 0; n < 4; n++) {
        for (let minutes = 0; minutes < 12; minutes++) {
          yield* TestClock.adjust("1 minute")
          for (const { session } of [client, later]) all.heard(session, [])
        }
        yield* end(client, BROKE)
        yield* written
        client = yield* connect(IN)
        yield* answered(client)
      }
      assert.deepStrictEqual(yield* counts(key), { applied: 2 })
    })
  )

  test(
    "EE1 a client that fell silent is gone",
    Effect.gen(function* () {
      const { key } = yield* begun(HALF / 2)
      yield* TestClock.adjust("92 seconds")
      assert.deepStrictEqual(yield* counts(key), { gone: 1 })
    })
  )

  test(
    "IR2 a report counts for the identity that has the session, from the revision on by which it has the change",
    Effect.gen(function* () {
      const { key, inside } = yield* begun()
      yield* answered(inside)
      const { epoch, revision } = (yield* Propagation).position()
      yield* report(IN, "unhealthy", { revision: revision - 1n })
      yield* report(IN, "unhealthy", { epoch: "", revision: 0n })
      assert.deepStrictEqual(yield* counts(key), { applied: 1, delivered: 1 })
      const stranger = { ...system, name: "stranger", keyId: "stranger" }
      const errors = [
        yield* Effect.flip(report(IN, "unhealthy", {}, stranger)),
        yield* Effect.flip(report(IN, "unhealthy", { epoch: "another" })),
        yield* Effect.flip(report("nobody", "unhealthy"))
      ]
      assert.deepStrictEqual(
        errors.map(({ name }) => name),
        ["InstanceOwned", "InvalidInput", "InstanceNotConnected"]
      )
      assert.deepStrictEqual(yield* counts(key), { applied: 1, delivered: 1 })
      yield* report(LATER, "healthy")
      assert.deepStrictEqual(yield* counts(key), { applied: 1, delivered: 1 })
      yield* report(IN, "unhealthy", { epoch, revision })
      assert.deepStrictEqual(yield* counts(key), { unhealthy: 1, delivered: 1 })
    })
  )

  test(
    "EE2 a session whose instance another took the place of says nothing more",
    Effect.gen(function* () {
      const { key, inside } = yield* begun()
      const second = yield* connect(IN)
      yield* answer(inside, false)
      assert.deepStrictEqual(yield* counts(key), { delivered: 2 })
      yield* answered(second)
      yield* end(inside, BROKE)
      assert.deepStrictEqual(yield* counts(key), { applied: 1, delivered: 1 })
    })
  )

  test(
    "EE1 who comes back without the labels of the cohort has left it",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const eu = yield* connect(IN, { labels: { region: "eu" } })
      const us = yield* connect(OUT, { labels: { region: "us" } })
      const key = yield* begin({ svc: "new" }, ALL, {
        plan: plan({ stages: [stage(100, { where: { region: "eu" } })] })
      })
      yield* answered(eu, us)
      assert.deepStrictEqual(yield* counts(key), { applied: 1 })
      yield* end(eu, BROKE)
      yield* connect(IN, { labels: { region: "us" } })
      assert.deepStrictEqual(yield* counts(key), { left: 1 })
    })
  )

  test(
    "IS1 who wants several targets has applied the change with the last of them; one that wants none has nothing of it",
    Effect.gen(function* () {
      yield* commit(change("svc", "a"), change("svc.x", "b"), change("third", "c"))
      const client = yield* connect(IN)
      yield* connect(LATER, { patterns: ["third"] })
      const only = yield* connect(OUT, { patterns: ["svc.x"] })
      yield* answered(client, only)
      const key = yield* begin({ svc: "a2", "svc.x": "b2" }, ALL)
      const all = yield* Sessions
      const [a, b] = client.sink.values.slice(-2)
      const yes = (update: typeof a) => all.heard(client.session, [{ ...update!, applied: true, reason: "" }])
      yes(a)
      assert.deepStrictEqual(yield* counts(key), { delivered: 2 })
      yes(b)
      yield* answered(only)
      assert.deepStrictEqual(yield* counts(key), { applied: 2 })
    })
  )
})
