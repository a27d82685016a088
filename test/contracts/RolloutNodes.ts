/** What every store must do with what nodes tell of rollouts. Run by RolloutEvidence.test.ts, on memory and PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Commits } from "../../src/commits/Commits.ts"
import type { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import type { Condition } from "../../src/rollouts/Evidence.ts"
import { EvidenceStore, type Sighting } from "../../src/rollouts/EvidenceStore.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { fresh } from "../support/fresh.ts"
import type { instance } from "../support/Instance.ts"
import { moveWish, rolled } from "../support/RolloutWishes.ts"
import {
  alive,
  bad,
  changed,
  counts,
  instances,
  leave,
  read,
  run,
  seen,
  seenOf,
  started,
  until,
  write
} from "../support/Sightings.ts"

type Services = Commits | EvidenceStore | InstanceStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const rolloutNodesContract = (test: Test) => {
  test("EE3 instances of a node that another run took the place of are gone, and back as it says", () =>
    Effect.gen(function* () {
      const [one, node, rollout, name] = [run(), run(), yield* started, fresh("i")]
      yield* alive(one, node)
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "applied", { instance: name }),
        seen(rollout, `${one}/2`, 1, "offered", { instance: "i2" }),
        seen(rollout, `${one}/3`, 1, "unhealthy", { instance: "i3" })
      ])
      const before = yield* changed(rollout)
      const two = run()
      yield* Effect.sleep("2 millis") // another moment
      yield* until(
        Effect.gen(function* () {
          yield* alive(two, node)
          return (yield* counts(rollout)).gone === 1
        })
      )
      assert.deepStrictEqual(yield* counts(rollout), { gone: 1, left: 1, unhealthy: 1 })
      assert.deepStrictEqual(yield* counts(rollout, { lostAfterMillis: -1 }), {
        gone: 1,
        left: 1,
        unhealthy: 1,
        lost: 1
      })
      yield* instances([name, { service: "svc", instance: name, session: `${two}/1` }])
      yield* write(two, [seen(rollout, `${two}/1`, 1, "applied", { instance: name })])
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1, left: 1, unhealthy: 1 })
      assert.notStrictEqual(yield* changed(rollout), before)
      yield* leave(two)
    }))

  test("EE3 a node that is not heard of is dead, once another was heard for as long", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      const timeoutMillis = 1_000
      yield* alive(one, one, timeoutMillis)
      yield* alive(two, two, timeoutMillis)
      yield* write(one, [seen(rollout, `${one}/1`, 1, "applied")], { timeoutMillis, seen: [seenOf(rollout)] })
      yield* write(two, [], { timeoutMillis, seen: [seenOf(rollout)] })
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1 })
      const before = yield* changed(rollout)
      yield* until(
        Effect.gen(function* () {
          yield* alive(two, two, timeoutMillis)
          return (yield* counts(rollout)).gone === 1
        })
      )
      assert.notStrictEqual(yield* changed(rollout), before)
      yield* alive(one, one, timeoutMillis)
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1 })
      yield* leave(one)
      yield* leave(two)
    }))

  test("EE3 evidence is complete once every node that is heard of has told of this version", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      const complete = (of = rollout) => Effect.map(read(of), (evidence) => evidence!.complete)
      yield* alive(one)
      yield* alive(two)
      assert.isFalse(yield* complete())
      yield* write(one, [], { seen: [seenOf(rollout)] })
      assert.isFalse(yield* complete())
      yield* write(two, [], { seen: [{ ...seenOf(rollout), version: rollout.version - 1 }] })
      assert.isFalse(yield* complete())
      yield* write(two, [], { seen: [seenOf(rollout)] })
      assert.isTrue(yield* complete())
      const paused = yield* rolled([moveWish(rollout, "paused")])
      assert.isFalse(yield* complete(paused))
      yield* write(one, [], { seen: [seenOf(paused)] })
      yield* leave(two)
      assert.isTrue(yield* complete(paused))
      yield* leave(one)
    }))

  test("EE6 evidence is incomplete while a node that is not dead does not say that all it heard is written", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      const complete = Effect.map(read(rollout), (evidence) => evidence!.complete)
      const tells = (node: string, all = true) => write(node, [], { seen: [seenOf(rollout)], all })
      yield* alive(one)
      yield* alive(two)
      yield* tells(one)
      yield* tells(two, false)
      assert.isFalse(yield* complete)
      yield* tells(two)
      assert.isTrue(yield* complete)
      yield* until(
        Effect.gen(function* () {
          yield* alive(two)
          yield* tells(one)
          return !(yield* complete)
        })
      )
      yield* tells(two)
      assert.isTrue(yield* complete)
      yield* leave(one)
      yield* leave(two)
    }))

  test("EE2 a report to another node counts for the session that has the instance, once that is known to have the change", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      yield* alive(one)
      yield* alive(two)
      const said = (is: Condition, session = `${one}/1`) => write(two, [seen(rollout, session, 0, is)])
      assert.deepStrictEqual(yield* said("unhealthy"), [`${one}/1`]) // not told of yet
      yield* write(one, [seen(rollout, `${one}/1`, 1, "delivered")])
      assert.deepStrictEqual(yield* said("healthy"), [`${one}/1`]) // not applied yet
      yield* write(one, [seen(rollout, `${one}/1`, 2, "applied")])
      assert.deepStrictEqual(yield* said("healthy"), [])
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1 })
      assert.deepStrictEqual(yield* said("unhealthy", `${one}/0`), [`${one}/0`])
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1 })
      yield* said("unhealthy")
      assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 1 })
      assert.strictEqual(yield* bad(rollout), 1n)
      yield* write(one, [seen(rollout, `${one}/1`, 3, "gone", { broke: 1 })])
      assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 1 })
      yield* said("healthy")
      yield* write(one, [seen(rollout, `${one}/1`, 3, "gone")])
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1 })
      yield* leave(one)
      yield* leave(two)
    }))

  test("EE2 what nodes counted is summed over nodes, and never goes back", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      const { environment, key } = rollout
      const counted = (run: string, side: "cohort" | "control", total: number) =>
        write(run, [], { counted: [{ environment, rollout: key, side, metric: "errors/requests#n", total }] })
      yield* counted(one, "cohort", 3)
      yield* counted(one, "control", 100)
      yield* counted(two, "cohort", 4.5)
      yield* counted(one, "cohort", 5)
      yield* counted(one, "cohort", 5)
      yield* counted(one, "cohort", 2)
      assert.deepStrictEqual((yield* read(rollout))!.metrics, { "errors/requests#n": { cohort: 9.5, control: 100 } })
    }))

  test("EE4 it ends with its rollout, and nothing is taken of one that is over", () =>
    Effect.gen(function* () {
      const store = yield* EvidenceStore
      const [one, rollout, other] = [run(), yield* started, yield* started]
      const { environment, key } = rollout
      const counted = [{ environment, rollout: key, side: "cohort", metric: "m", total: 1 }] as const
      const sightings = (of: Rollout) =>
        Array.from({ length: 25 }, (_, n) => seen(of, `${one}/${n + 1}`, 1, "applied", { instance: `i${n}` }))
      yield* write(one, [...sightings(rollout), ...sightings(other)], { counted, seen: [seenOf(rollout)] })
      yield* rolled([moveWish(rollout, "aborted")])

      assert.isUndefined(yield* read(rollout))
      let steps = 0
      for (let went = 10; went >= 10; steps++) went = yield* store.sweep(10)
      assert.isAtLeast(steps, 3)
      const list = (of: Rollout) =>
        store.instances(of.environment, of.key, { limit: 100, after: undefined, is: undefined })
      assert.deepStrictEqual(yield* list(rollout), [])
      assert.isUndefined(yield* changed(rollout))
      yield* write(one, sightings(rollout), { counted, seen: [seenOf(rollout)] })
      assert.deepStrictEqual(yield* list(rollout), [])
      assert.isUndefined(yield* changed(rollout))
      assert.strictEqual((yield* list(other)).length, 25)
      yield* rolled([moveWish(other, "aborted")])
      yield* store.sweep(1_000)
    }))

  test("PB1 instances come in pages, in the order of service and name", () =>
    Effect.gen(function* () {
      const store = yield* EvidenceStore
      const [one, rollout] = [run(), yield* started]
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "applied", { service: "b", instance: "1" }),
        seen(rollout, `${one}/2`, 1, "rejected", { service: "a", instance: "2", reason: "no" }),
        seen(rollout, `${one}/3`, 1, "applied", { service: "a", instance: "B" }),
        seen(rollout, `${one}/4`, 1, "applied", { service: "a", instance: "a" })
      ])
      const page = (after: Pick<Sighting, "service" | "instance"> | undefined, is?: Condition) =>
        Effect.map(store.instances(rollout.environment, rollout.key, { limit: 2, after, is }), (rows) =>
          rows.map(({ service, instance }) => `${service}/${instance}`)
        )
      assert.deepStrictEqual(yield* page(undefined), ["a/2", "a/B"])
      assert.deepStrictEqual(yield* page({ service: "a", instance: "B" }), ["a/a", "b/1"])
      assert.deepStrictEqual(yield* page({ service: "b", instance: "1" }), [])
      assert.deepStrictEqual(yield* page(undefined, "applied"), ["a/B", "a/a"])
      const [row] = yield* store.instances(rollout.environment, rollout.key, {
        limit: 1,
        after: undefined,
        is: "rejected"
      })
      const {
        said: _,
        news: __,
        ...sighted
      } = seen(rollout, `${one}/2`, 1, "rejected", {
        service: "a",
        instance: "2",
        reason: "no"
      })
      assert.deepInclude(row, sighted)
      assert.isAbove(row!.at, 0)
    }))

  test("CE1 the population is who is connected and wants a target, of whichever kind", () =>
    Effect.gen(function* () {
      const store = yield* EvidenceStore
      const [environment, one] = [fresh("environment"), run()]
      const member = (name: string, patterns: ReadonlyArray<string>, more: object = {}) =>
        [name, { environment, service: "svc", instance: name, session: `${one}/1`, patterns, ...more }] as const
      yield* instances(
        ...[
          member("i1", ["app", "app.*"], { labels: { region: "eu" } }),
          member("i2", ["other"]),
          member("i3", ["@flag/*"]),
          member("i4", ["app.db"]),
          member("i5", ["app"], { state: "disconnected", ending: "Closed" }),
          member("I6", ["app"]),
          member("i7", ["app"], { environment: `${environment}-2` })
        ].map(([name, more]) => [name, more] as unknown as Parameters<typeof instance>)
      )
      const page = (targets: Parameters<typeof store.population>[1], after?: { service: string; instance: string }) =>
        Effect.map(store.population(environment, targets, { limit: 2, after }), (rows) =>
          rows.map(({ instance }) => instance)
        )
      const app = { kind: "configuration", key: "app" } as const
      assert.strictEqual((yield* store.population(environment, [app], { limit: 9, after: undefined })).length, 2)
      assert.sameMembers([...(yield* page([{ kind: "configuration", key: "app.db" }]))], ["i1", "i4"])
      assert.sameMembers([...(yield* page([{ kind: "flag", key: "app" }]))], ["i3"])
      const all = [app, { kind: "flag", key: "dark" }] as const
      const first = yield* page(all)
      const rest = yield* page(all, { service: "svc", instance: first[1]! })
      assert.sameMembers([...first, ...rest], ["i1", "i3", "I6"])
      const [found] = yield* store.population(environment, [{ kind: "configuration", key: "app.x" }], {
        limit: 1,
        after: undefined
      })
      assert.deepStrictEqual(found, { service: "svc", instance: "i1", labels: { region: "eu" } })
    }))
}
