/** What nodes make known of rollouts together, and what becomes of it when the database is away. */
import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { EvidenceStore } from "../../src/rollouts/EvidenceStore.ts"
import { sideOf } from "../../src/rollouts/Rates.ts"
import { pass } from "../support/Clock.ts"
import { ALL, answered, begin, commit, connect, HALF, IN, LATER, move, OUT } from "../support/Cohorts.ts"
import {
  answer,
  BROKE,
  begun,
  counts,
  end,
  evidence,
  type Node,
  node,
  report,
  test,
  Writes,
  written
} from "../support/Gathered.ts"
import { change } from "../support/Release.ts"
import { plan, stage } from "../support/Rollouts.ts"

describe("Gathering of several nodes", () => {
  test(
    "EE4 it ends with the rollout",
    Effect.gen(function* () {
      const { key, inside } = yield* begun()
      yield* answered(inside)
      yield* written
      yield* move(key, "rolled_back")
      yield* TestClock.adjust("31 seconds")
      const store = yield* EvidenceStore
      const options = { limit: 10, after: undefined, is: undefined }
      assert.deepStrictEqual(yield* store.instances("production", key, options), [])
      const { batches } = yield* Writes
      const before = batches.length
      yield* answered(inside)
      yield* report(IN, "unhealthy")
      yield* written
      assert.strictEqual(batches.length, before)
    })
  )

  it.effect("IW1 more than may wait is told all the same, one rollout after the other", () =>
    Effect.gen(function* () {
      const keys = ["a", "b", "c"]
      yield* commit(...keys.map((key) => change(key, "old")))
      for (const instance of [IN, LATER, OUT]) yield* answered(yield* connect(instance, { patterns: keys }))
      yield* written
      const begun = yield* Effect.forEach(keys, (key) => begin({ [key]: "new" }, ALL))
      yield* pass(5_000)
      for (const key of begun) {
        assert.deepStrictEqual(yield* counts(key), { delivered: 3 })
        assert.isTrue((yield* evidence(key)).complete)
      }
    }).pipe(Effect.provide(Layer.unwrap(Effect.sync(() => node(undefined, { most: 6, batch: 1 })))))
  )

  test(
    "CI1 counters that gates name are summed by side, from when each has the change; one that went back began anew",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const clients = [yield* connect(IN), yield* connect(LATER), yield* connect(OUT)]
      yield* answered(...clients)
      const gate = {
        type: "rate",
        text: "errors/requests < 1%",
        dryRun: false,
        numerator: "errors",
        denominator: "requests",
        against: { limit: 0.01 },
        alpha: 0.01,
        minimum: 100
      } as const
      const stages = [stage(50), stage(100)]
      const key = yield* begin({ svc: "new" }, HALF, { plan: plan({ stages, gates: [gate] }) })
      const says = (instance: string, requests: number, errors: number) =>
        report(instance, "healthy", { metrics: { requests, errors, other: 5 } })
      yield* says(LATER, 1_000, 10) // it has not applied it
      yield* answered(...clients)
      yield* says(IN, 500, 5)
      yield* says(OUT, 9_000, 90)
      yield* says(LATER, 2_000, 20)
      yield* says(IN, 600, 7)
      yield* says(OUT, 9_500, 91)
      yield* says(IN, 10, 1) // it began anew
      yield* says(LATER, 2_000, 20)
      yield* pass(2_000)
      const { metrics } = yield* evidence(key)
      assert.deepInclude(sideOf(gate, metrics, "cohort"), { count: 1, n: 110, sum: 3 })
      assert.deepInclude(sideOf(gate, metrics, "control"), { count: 1, n: 500, sum: 1 })
      assert.isUndefined(metrics["other"])
    })
  )

  it.effect(
    "EE2 a report that another node took counts, and an instance that went to another node is that node's",
    () => {
      const state = new State()
      return Effect.gen(function* () {
        const [one, two] = [yield* Layer.build(node(state)), yield* Layer.build(node(state))]
        const at = <A, E>(of: Context.Context<Node>, effect: Effect.Effect<A, E, Node>) => Effect.provide(effect, of)
        const { key, inside, later } = yield* at(one, begun())
        yield* at(one, answered(inside, later))
        yield* pass(1_000)
        assert.deepStrictEqual(yield* at(one, counts(key)), { applied: 2 })
        yield* at(two, report(IN, "unhealthy", { message: "there" }))
        yield* pass(1_000)
        assert.deepStrictEqual(yield* at(one, counts(key)), { applied: 1, unhealthy: 1 })
        assert.strictEqual((yield* at(one, evidence(key))).examples[0]?.reason, "there")

        const { held } = later
        const moved = yield* at(two, connect(LATER, { held }))
        yield* pass(5_000)
        assert.strictEqual(later.session.stage.name, "over")
        assert.deepStrictEqual(yield* at(one, counts(key)), { applied: 1, unhealthy: 1 })
        yield* at(two, end(moved, BROKE))
        yield* pass(1_000)
        assert.deepStrictEqual(yield* at(one, counts(key)), { gone: 1, unhealthy: 1 })
      })
    }
  )

  it.effect("EE7 who was unhealthy is so on every node that it comes back to, until it says how it is", () => {
    const state = new State()
    return Effect.gen(function* () {
      const [one, two] = [yield* Layer.build(node(state)), yield* Layer.build(node(state))]
      const at = <A, E>(of: Context.Context<Node>, effect: Effect.Effect<A, E, Node>) => Effect.provide(effect, of)
      const { key, inside, later } = yield* at(one, begun())
      yield* at(one, answered(inside, later))
      yield* at(one, report(IN, "unhealthy", { message: "here" }))
      yield* at(one, end(inside, BROKE))
      yield* pass(1_000)
      yield* at(two, connect(IN, { held: inside.held }))
      yield* pass(5_000)
      assert.deepStrictEqual(yield* at(one, counts(key)), { applied: 1, unhealthy: 1 })
      yield* at(two, report(IN, "degraded"))
      yield* pass(1_000)
      assert.deepStrictEqual(yield* at(one, counts(key)), { applied: 2 })
      yield* at(two, report(IN, "unhealthy"))
      yield* pass(1_000)
      yield* at(one, report(IN, "degraded")) // to a node that does not have it
      yield* pass(1_000)
      assert.deepStrictEqual(yield* at(one, counts(key)), { applied: 2 })
    })
  })

  it.effect("EE2 IR5 what is said again is known again, though another node was told something else meanwhile", () => {
    const state = new State()
    return Effect.gen(function* () {
      const [one, two] = [yield* Layer.build(node(state)), yield* Layer.build(node(state))]
      const at = <A, E>(of: Context.Context<Node>, effect: Effect.Effect<A, E, Node>) => Effect.provide(effect, of)
      const { key, inside, later } = yield* at(one, begun())
      yield* at(one, answered(inside, later))
      const says = (of: Context.Context<Node>, health: "healthy" | "unhealthy") =>
        Effect.andThen(at(of, report(IN, health)), at(one, counts(key)))
      assert.deepStrictEqual(yield* says(one, "unhealthy"), { applied: 1, unhealthy: 1 })
      assert.deepStrictEqual(yield* says(two, "healthy"), { applied: 1, healthy: 1 })
      // It said "unhealthy" to the other one as well, which was killed before it wrote that; so it says it once more.
      assert.deepStrictEqual(yield* says(one, "unhealthy"), { applied: 1, unhealthy: 1 })
      const known = Effect.flatMap(EvidenceStore, ({ changed }) => changed)
      const before = yield* at(one, known)
      for (let n = 0; n < 3; n++) yield* says(one, "unhealthy")
      assert.deepStrictEqual(yield* at(one, known), before, "which changes nothing")
    })
  })

  test(
    "GH3 what could not be written is written when the database is back, and each session broke once",
    Effect.gen(function* () {
      const { key, inside, later } = yield* begun()
      yield* written
      const writes = yield* Writes
      writes.failure = failure("DatabaseUnavailable", "away")
      yield* answered(inside)
      yield* end(inside, BROKE)
      const back = yield* connect(IN)
      yield* answered(back)
      yield* answer(later, false)
      yield* pass(5_000)
      assert.deepStrictEqual(yield* counts(key), { delivered: 2 })
      writes.failure = undefined
      yield* pass(3_000)
      assert.deepStrictEqual(yield* counts(key), { applied: 1, rejected: 1 })
      const rows = yield* (yield* EvidenceStore).instances("production", key, {
        limit: 9,
        after: undefined,
        is: undefined
      })
      assert.strictEqual(rows.find(({ instance }) => instance === IN)?.session, back.session.ref)
      assert.strictEqual((yield* evidence(key)).bad, 2n)
    })
  )

  test(
    "GH5 EE6 what could not be written makes evidence incomplete until it is",
    Effect.gen(function* () {
      const { key, inside, later } = yield* begun()
      yield* answered(inside, later)
      yield* pass(3_000)
      assert.isTrue((yield* evidence(key)).complete)
      yield* pass(60_000)
      assert.isTrue((yield* evidence(key)).complete, "though nothing happens")
      const writes = yield* Writes
      writes.failure = failure("DatabaseUnavailable", "it is away")
      yield* pass(5_000)
      yield* report(IN, "unhealthy")
      yield* pass(30_000)
      assert.isFalse((yield* evidence(key)).complete)
      writes.failure = undefined
      for (let n = 0; n < 40 && !(yield* evidence(key)).complete; n++) yield* pass(100)
      const { complete, counts } = yield* evidence(key)
      assert.deepInclude({ complete, ...counts }, { complete: true, unhealthy: 1 })
    })
  )

  test(
    "GH2 a client that says another thing all the time costs a row a batch",
    Effect.gen(function* () {
      const { key, inside } = yield* begun()
      yield* answered(inside)
      yield* written
      const { batches } = yield* Writes
      const before = batches.length
      for (let n = 0; n < 500; n++) yield* report(IN, n % 2 === 0 ? "unhealthy" : "healthy")
      yield* report(IN, "healthy")
      assert.deepStrictEqual(yield* counts(key), { healthy: 1, delivered: 1 })
      const rows = batches.slice(before).flatMap(({ sightings }) => sightings)
      assert.isAtMost(rows.length, 4)
    })
  )

  test(
    "GH1 WI1 without a rollout nothing is kept or written",
    Effect.gen(function* () {
      yield* commit(change("svc", "old"))
      const client = yield* connect(IN)
      yield* answered(client)
      yield* report(IN, "unhealthy", { revision: 1n })
      yield* end(client, BROKE)
      yield* written
      assert.lengthOf((yield* Writes).batches, 0)
    })
  )

  it.effect(
    "GH4 IW3 a node that ends by itself has told all that it had to tell, whoever came too early before",
    () => {
      const state = new State()
      return Effect.gen(function* () {
        const one = yield* Layer.build(node(state))
        const key = yield* Effect.scoped(
          Effect.gen(function* () {
            const two = yield* Layer.build(node(state, { batch: 1 }))
            return yield* Effect.provide(
              Effect.gen(function* () {
                const { key, inside, later } = yield* begun()
                yield* written
                const writes = yield* Writes
                writes.early = [inside.session.ref]
                yield* answered(inside)
                yield* written
                yield* answered(later)
                return key
              }),
              two
            )
          })
        )
        yield* pass(3_000)
        const at = <A, E>(effect: Effect.Effect<A, E, Node>) => Effect.provide(effect, one)
        const store = yield* at(EvidenceStore)
        const rows = yield* store.instances("production", key, { limit: 9, after: undefined, is: undefined })
        assert.deepStrictEqual(rows.find(({ instance }) => instance === LATER)?.is, "applied")
      })
    }
  )

  it.effect("GH4 a node that ends by itself is waited for no more", () => {
    const state = new State()
    return Effect.gen(function* () {
      const one = yield* Layer.build(node(state))
      const at = <A, E>(effect: Effect.Effect<A, E, Node>) => Effect.provide(effect, one)
      const { key } = yield* at(begun())
      yield* Effect.scoped(Effect.andThen(Layer.build(node(state)), pass(3_000)))
      yield* at(move(key, "paused"))
      yield* at(counts(key))
      assert.isTrue((yield* at(evidence(key))).complete)
    })
  })
})
