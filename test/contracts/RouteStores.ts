/** What every store of routing rules must do. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { type Route, type RouteDefinition, routeDefaults } from "../../src/routes/Route.ts"
import { type Advance, REFUSALS, RouteStore, type Step } from "../../src/routes/RouteStore.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import type { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { fresh } from "../support/fresh.ts"
import { events, newTopic, readAll, startOf, textsOf } from "../support/Topics.ts"

type Services = RouteStore | TopicLog | TopicStore | AuditLog
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const ruleOf = (source: string, target: string, change: Partial<RouteDefinition> = {}): RouteDefinition => ({
  ...{ ...routeDefaults, name: fresh("rule"), source, target },
  ...change
})

/** A rule from a topic to another one, and what its first step is. */
const routed = Effect.fnUntraced(function* (change: Partial<RouteDefinition> = {}) {
  const store = yield* RouteStore
  const [source, target] = [yield* newTopic(), yield* newTopic({ partitions: 2 })]
  const from = yield* startOf(source.id)
  const { revision } = yield* store.all
  const rule = yield* store.create(ruleOf(source.name, target.name, change), {
    ...{ revision, by: "ann" },
    begins: [{ topic: source.id, partition: 0, at: from }]
  })
  assert(rule !== "stale")
  const step = (at: number, more: Partial<Step> = {}, advance: Partial<Advance> = {}): Step => ({
    revision: revision + 1,
    source: { topic: source.id, partition: 0 },
    advances: [
      {
        ...{ route: rule.id, from: { ...from, offset: at }, to: { ...from, offset: at + 2 } },
        ...{ routed: 2, skipped: 0, refused: 0, missed: 0, refusals: [] },
        ...advance
      }
    ],
    appended: [{ topic: target.id, partition: 1, events: events(`k:${at}`, `k:${at + 1}`), zstd: true }],
    ...more
  })
  return { store, rule, source, target, from, step }
})

const contentOf = ({ id }: Topic) =>
  Effect.forEach([0, 1], (partition) =>
    Effect.gen(function* () {
      const { pieces } = yield* readAll({ topic: id, partition }, yield* startOf(id, partition))
      return textsOf(pieces)
    })
  )

const isRule = (rule: Route | "stale" | undefined): Route => {
  assert(rule !== "stale" && rule !== undefined)
  return rule
}

export const routeStoresContract = (test: Test) => {
  test("ZE1 a rule is added, changed, put in error, and deleted, each by the newest revision", () =>
    Effect.gen(function* () {
      const { store, rule, source, target } = yield* routed({
        condition: 'symbol == "é"',
        key: "{symbol}",
        priority: -3
      })
      assert.deepInclude(rule, { version: 1, error: "", priority: -3, createdBy: "ann", source: source.name })
      const first = yield* store.all
      assert.deepStrictEqual(
        first.routes.find(({ id }) => id === rule.id),
        rule
      )
      assert.strictEqual(yield* store.revision, first.revision)
      const again = ruleOf(source.name, target.name, { name: rule.name })
      const options = { revision: first.revision, begins: [], by: "ben" }
      assert.strictEqual((yield* Effect.flip(store.create(again, options))).name, "RoutingRuleExists")
      const { revision } = yield* store.all
      assert.strictEqual(yield* store.update(rule.id, { final: true }, { revision: revision - 1 }), "stale")
      assert.isTrue(yield* store.fail(rule.id, 1, "the target is gone"))
      assert.isFalse(yield* store.fail(rule.id, 1, "again"))
      assert.strictEqual((yield* store.all).routes.find(({ id }) => id === rule.id)!.error, "the target is gone")
      assert.strictEqual(yield* store.create(ruleOf("a/b", "c"), { ...options, revision }), "stale")
      const now = { revision: yield* store.revision }
      const changed = isRule(yield* store.update(rule.id, { final: true, enabled: false }, now))
      assert.deepInclude(changed, { version: 3, error: "", final: true, enabled: false, key: "{symbol}" })
      assert.isTrue(yield* store.remove(rule.id))
      assert.isFalse(yield* store.remove(rule.id))
      assert.deepStrictEqual(yield* store.progress(rule.id), [])
      const newest = { revision: yield* store.revision }
      assert.isUndefined(yield* store.update(rule.id, { final: true }, newest))
    }))

  test("ZE2 a step appends and moves, once however often it comes", () =>
    Effect.gen(function* () {
      const { store, rule, target, step, from } = yield* routed()
      assert.strictEqual(yield* store.step(step(0)), "done")
      assert.strictEqual(yield* store.step(step(0)), "elsewhere")
      assert.strictEqual(yield* store.step(step(2)), "done")
      assert.deepStrictEqual(yield* contentOf(target), [[], ["0=k:0", "1=k:1", "2=k:2", "3=k:3"]])
      const [progress] = yield* store.progress(rule.id)
      assert.deepInclude(progress, { at: { ...from, offset: 4 }, routed: 4, skipped: 0, missed: 0 })
      assert.deepInclude(yield* store.sums, { route: rule.id, routed: 4, skipped: 0, refused: 0, missed: 0 })
    }))

  test("ZE2 of steps that come at once one is done", () =>
    Effect.gen(function* () {
      const { store, target, step } = yield* routed()
      const all = yield* Effect.forEach(Array.from({ length: 8 }), () => store.step(step(0)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(all.toSorted(), ["done", ...Array.from({ length: 7 }, () => "elsewhere")])
      assert.deepStrictEqual(yield* contentOf(target), [[], ["0=k:0", "1=k:1"]])
    }))

  test("ZE2 of rules that stand elsewhere, and of targets that are gone or off, none is done in part", () =>
    Effect.gen(function* () {
      const { store, rule, target, source, step } = yield* routed()
      const topics = yield* TopicStore
      const one = step(0)
      const other = { ...one.advances[0]!, route: rule.id + 1_000 }
      assert.strictEqual(yield* store.step({ ...one, advances: [...one.advances, other] }), "elsewhere")
      const missing = { topic: target.id, partition: 9, events: events("x"), zstd: false }
      assert.strictEqual(yield* store.step({ ...one, appended: [...one.appended, missing] }), "unavailable")
      yield* topics.update(target.name, { enabled: false })
      assert.strictEqual(yield* store.step(one), "unavailable")
      assert.deepStrictEqual(yield* contentOf(target), [[], []])
      yield* topics.update(target.name, { enabled: true })
      assert.strictEqual(yield* store.step({ ...one, appended: [...one.appended].toReversed() }), "done")
      yield* topics.remove(target.name)
      assert.strictEqual(yield* store.step(step(2)), "unavailable")
      assert.strictEqual((yield* store.progress(rule.id))[0]!.at.offset, 2)
      yield* topics.remove(source.name)
      yield* Effect.repeat(store.sweep, { while: (count) => count > 0 })
      assert.deepStrictEqual(yield* store.progress(rule.id), [])
    }))

  test("ZE1 nothing is routed by a rule after it was changed, turned off or deleted", () =>
    Effect.gen(function* () {
      const { store, rule, target, step } = yield* routed()
      const now = { revision: yield* store.revision }
      isRule(yield* store.update(rule.id, { enabled: false }, now))
      assert.strictEqual(yield* store.step(step(0)), "stale")
      assert.isTrue(yield* store.remove(rule.id))
      const { revision } = yield* store.all
      assert.strictEqual(yield* store.step(step(0, { revision })), "elsewhere")
      assert.deepStrictEqual(yield* contentOf(target), [[], []])
    }))

  test("ZE2 a rule that is resumed elsewhere goes on there", () =>
    Effect.gen(function* () {
      const { store, rule, source, from, step } = yield* routed()
      const skip = [{ topic: source.id, partition: 0, at: { ...from, offset: 7 } }]
      isRule(yield* store.update(rule.id, { enabled: true }, { revision: yield* store.revision, skip }))
      const { revision } = yield* store.all
      assert.strictEqual(yield* store.step(step(0, { revision })), "elsewhere")
      assert.strictEqual(yield* store.step(step(7, { revision })), "done")
      assert.strictEqual((yield* store.progress(rule.id))[0]!.at.offset, 9)
    }))

  test("ZE3 the newest refusals are kept, and positions that are there stay", () =>
    Effect.gen(function* () {
      const { store, rule, source, from, step } = yield* routed()
      const refusal = (offset: number) => ({
        topic: source.id,
        partition: 0,
        epoch: from.epoch,
        offset,
        why: `no ${offset}`
      })
      const refusals = Array.from({ length: REFUSALS }, (_, n) => refusal(n))
      const bare = { appended: [] }
      assert.strictEqual(yield* store.step(step(0, bare, { routed: 0, refused: REFUSALS, refusals })), "done")
      const more = { routed: 0, skipped: 1, refused: 1, missed: 5, refusals: [refusal(500)] }
      assert.strictEqual(yield* store.step(step(2, bare, more)), "done")
      const kept = yield* store.refusals(rule.id, 1_000)
      assert.strictEqual(kept.length, REFUSALS)
      assert.deepInclude(kept[0], refusal(500))
      assert.deepInclude(kept.at(-1), refusal(1))
      assert.isTrue(yield* store.begin([{ route: rule.id, topic: source.id, partition: 0, at: from }]))
      assert.isTrue(yield* store.begin([{ route: rule.id + 1_000, topic: source.id, partition: 0, at: from }]))
      const [only, ...others] = yield* store.progress(rule.id)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(only, { at: { ...from, offset: 4 }, refused: REFUSALS + 1, skipped: 1, missed: 5 })
      const its = (yield* store.positions([source.id])).filter(({ route }) => route === rule.id)
      assert.deepStrictEqual(its, [{ route: rule.id, topic: source.id, partition: 0, at: { ...from, offset: 4 } }])
    }))

  test("ZE4 changes are in the audit log, with who and why", () =>
    Effect.gen(function* () {
      const store = yield* RouteStore
      const note = { by: "ann", keyId: "k1", message: "as agreed" }
      const name = fresh("noted")
      const rule = isRule(
        yield* store.create(ruleOf("a/*", "b", { name }), {
          revision: yield* store.revision,
          begins: [],
          by: "ann",
          note
        })
      )
      yield* store.update(rule.id, { priority: 5 }, { revision: yield* store.revision, note })
      yield* store.remove(rule.id, { ...note, message: "" })
      const { read } = yield* AuditLog
      const entries = yield* read({ limit: 100 })
      const its = entries.filter(({ details }) => details["route"] === name).toReversed()
      assert.deepStrictEqual(
        its.map(({ action, performedBy }) => [action, performedBy]),
        [
          ["route.create", "ann"],
          ["route.update", "ann"],
          ["route.delete", "ann"]
        ]
      )
      const common = { route: name, id: rule.id, source: "a/*", target: "b", keyId: "k1" }
      assert.deepStrictEqual(its[0]!.details, { ...common, version: 1, message: "as agreed", enabled: true })
      assert.deepStrictEqual(its[1]!.details, { ...common, version: 2, message: "as agreed", changed: { priority: 5 } })
    }))

  test("ZE1 the topics that sources cover are found", () =>
    Effect.gen(function* () {
      const { covered } = yield* RouteStore
      const name = fresh("cov/er")
      const [one, two] = [yield* newTopic({ name }), yield* newTopic({ name: `${name}/low_er`, partitions: 3 })]
      yield* newTopic({ name: `${name}x` })
      const ids = (sources: ReadonlyArray<string>) => Effect.map(covered(sources), (all) => all.map(({ id }) => id))
      assert.deepStrictEqual(yield* ids([name]), [one.id])
      assert.deepStrictEqual(yield* ids([`${name}/*`]), [two.id])
      assert.deepStrictEqual(yield* ids([`${name}/*`, name]), [one.id, two.id])
      assert.deepStrictEqual(yield* ids([`${name}/lowxer`, "nothing/*"]), [])
      const [found] = yield* covered([two.name])
      assert.deepStrictEqual(found, { id: two.id, name: two.name, partitions: 3, log: "postgres", version: 1 })
    }))
}
