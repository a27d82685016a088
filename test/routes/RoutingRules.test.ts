/** The use cases of those who run routing rules, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { biteOf, EVENTS } from "../../src/routes/Bite.ts"
import { Deciding } from "../../src/routes/Deciding.ts"
import { type Route, routeDefaults } from "../../src/routes/Route.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { frameOf } from "../../src/topics/Message.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { finish } from "../support/Finish.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = RoutingRules.layer.pipe(
  Layer.provideMerge(topics),
  Layer.provideMerge(access),
  Layer.provideMerge(below(Memory.layer, {}))
)
const as = (who: Identity) => Effect.provideService(CurrentIdentity, who)
const ann: Identity = { name: "ann", keyId: "k1", role: "admin", environments: ["x"], topics: ["shop/*"] }
const why = { message: "" }
const nameOf = <A, E extends { readonly name: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ name }) => name)

const begin = Effect.gen(function* () {
  const { create } = yield* Topics
  const schema = { type: "object", properties: { price: { type: "number" }, symbol: { type: "string" } } }
  yield* create({ name: "shop/a", schema }, why)
  for (const name of ["shop/b", "shop/c", "other"]) yield* create({ name, partitions: 4 }, why)
  yield* create({ name: "shop/memory", log: "ephemeral" }, why)
  return yield* RoutingRules
})

describe("routing rules", () => {
  it.effect("ZF1 whoever may not manage source and target changes nothing, and sees what both let them", () =>
    Effect.gen(function* () {
      const rules = yield* begin
      const may = as(ann)
      yield* may(rules.create({ name: "mine", source: "shop/a", target: "shop/b" }, why))
      for (const draft of [
        { name: "x", source: "other", target: "shop/b" },
        { name: "x", source: "shop/a", target: "other" },
        { name: "x", source: "sho/*", target: "shop/b" }
      ])
        assert.strictEqual(yield* nameOf(may(rules.create(draft, why))), "Forbidden")
      yield* rules.create({ name: "theirs", source: "shop/a", target: "other" }, why)
      const names = (all: ReadonlyArray<Route>) => all.map(({ name }) => name)
      assert.deepStrictEqual(names(yield* may(rules.list)), ["mine"])
      assert.deepStrictEqual(names(yield* rules.list), ["mine", "theirs"])
      assert.strictEqual(yield* nameOf(may(rules.remove("theirs", why))), "NoSuchRoutingRule")
      assert.strictEqual(yield* nameOf(may(rules.update("mine", { target: "other" }, why))), "Forbidden")
      const viewer = as({ ...ann, role: "viewer" })
      assert.strictEqual(yield* nameOf(viewer(rules.update("mine", { final: true }, why))), "Forbidden")
      assert.strictEqual((yield* viewer(rules.get("mine"))).name, "mine")
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("ZF2 a rule that can't work is refused, by what is wrong with it", () =>
    Effect.gen(function* () {
      const { create, update } = yield* begin
      const draft = { name: "r", source: "shop/a", target: "shop/b" }
      for (const [change, expected] of [
        [{ name: "a b" }, "InvalidInput"],
        [{ source: "shop/nothing" }, "NoSuchTopic"],
        [{ source: "shop/memory" }, "InvalidInput"],
        [{ target: "shop/nothing" }, "NoSuchTopic"],
        [{ target: "shop/memory" }, "InvalidInput"],
        [{ condition: "price >" }, "InvalidFilter"],
        [{ condition: "prise > 1" }, "InvalidFilter"],
        [{ key: "{symbl}" }, "InvalidKeyTemplate"],
        [{ source: "shop/*", target: "other", key: "{symbl}" }, "InvalidKeyTemplate"]
      ] as const)
        assert.strictEqual(yield* nameOf(create({ ...draft, ...change }, why)), expected, JSON.stringify(change))
      yield* create({ ...draft, condition: "price > 1", key: "{symbol}" }, why)
      assert.strictEqual(yield* nameOf(update("r", { condition: "prise > 1" }, why)), "InvalidFilter")
      assert.strictEqual(yield* nameOf(update("r", { priority: 1 }, { ...why, expected: 2 })), "RoutingRuleConflict")
      assert.strictEqual((yield* update("r", { priority: 1 }, { ...why, expected: 1 })).version, 2)
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("ZF3 of two rules that would close a loop together, one is refused, also when they come at once", () =>
    Effect.gen(function* () {
      const { create, update, list, get } = yield* begin
      assert.strictEqual(yield* nameOf(create({ name: "x", source: "shop/*", target: "shop/a" }, why)), "RoutingLoop")
      const all = yield* Effect.forEach(
        [
          { name: "ab", source: "shop/a", target: "shop/b" },
          { name: "bc", source: "shop/b", target: "shop/c", enabled: false },
          { name: "ca", source: "shop/c", target: "shop/a" }
        ],
        (draft) => Effect.result(create(draft, why)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(all.map(({ _tag }) => _tag).toSorted(), ["Failure", "Success", "Success"])
      const missing = ["ab", "bc", "ca"].filter((name, at) => all[at]!._tag === "Failure" && name !== "")
      assert.strictEqual((yield* list).length, 2)
      assert.strictEqual(yield* nameOf(get(missing[0]!)), "NoSuchRoutingRule")
      yield* create({ name: "out", source: "other", target: "shop/a" }, why)
      const first = (yield* list)[0]!
      assert.strictEqual(yield* nameOf(update(first.name, { target: first.source }, why)), "RoutingLoop")
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect(
    "ZF4 an addition that comes again with its key finds the rule, unless it asks for another or that was changed",
    () =>
      Effect.gen(function* () {
        const { create, update } = yield* begin
        const draft = { name: "r", source: "shop/a", target: "shop/b", priority: 4 }
        const once = { message: "", idempotencyKey: "k" }
        const made = yield* create(draft, once)
        assert.deepStrictEqual(yield* create(draft, once), made)
        assert.strictEqual(yield* nameOf(create({ ...draft, priority: 5 }, once)), "RoutingRuleExists")
        assert.strictEqual(yield* nameOf(create(draft, why)), "RoutingRuleExists")
        yield* update("r", { final: true }, why)
        assert.strictEqual(yield* nameOf(create(draft, once)), "RoutingRuleExists")
      }).pipe(as(system), Effect.provide(given))
  )

  it.effect("ZF5 a test says for each rule what becomes of the event, and why", () =>
    Effect.gen(function* () {
      const { create, test } = yield* begin
      const rule = (name: string, priority: number, more: object = {}) =>
        create({ name, source: "shop/a", target: "shop/b", priority, ...more }, why)
      yield* rule("off", 9, { enabled: false })
      yield* rule("dear", 8, { condition: "price > 100" })
      yield* rule("keyed", 7, { key: "{symbol}" })
      yield* rule("keyless", 6, { key: "{payload.nothing}" })
      yield* rule("final", 5, { final: true, condition: 'symbol == "X"' })
      yield* rule("rest", 4)
      const payload = new TextEncoder().encode('{"price": 5, "symbol": "X"}')
      const event = { key: null, payload, eventTime: null, headers: new Map(), partition: 3, publishedAt: 0 }
      const found = yield* test("shop/a", event)
      assert.deepStrictEqual(
        found.map((one) => [one.route.name, one.is, one.why, one.key, one.partition]),
        [
          ["off", "off", "the rule is disabled", null, undefined],
          ["dear", "skipped", "the condition is false", null, undefined],
          ["keyed", "routed", "", "X", found[2]!.partition],
          ["keyless", "refused", "the event has no field payload.nothing", null, undefined],
          ["final", "routed", "", null, 3],
          ["rest", "skipped", "final is before it, took the event, and is final", null, undefined]
        ]
      )
      assert.isTrue(found[2]!.partition! < 4)
    }).pipe(as(system), Effect.provide(given))
  )
})

describe("bites", () => {
  it("ZG1 ZG3 a bite ends where it has enough, and the next one begins there; it may be left between two events", () => {
    const route: Route = {
      ...{ ...routeDefaults, id: 1, name: "r", source: "a", target: "b", version: 1, error: "" },
      ...{ createdAt: 0, createdBy: "ann", updatedAt: 0 }
    }
    const target = { id: 9, name: "b", partitions: 1 } as Topic
    const of = (count: number, bytes: number) => {
      const message = { key: null, payload: new Uint8Array(bytes), eventTime: null, headers: new Map() }
      const frame = frameOf(Array.from({ length: count }, () => message))
      const segment = { is: "segment", base: 10, at: 5, codec: "none", ...frame } as const
      const read = { epoch: 2, pieces: [segment], next: 10 + count }
      const steps = (from: number, until = Number.POSITIVE_INFINITY) =>
        biteOf(new Deciding(null, [route]), read, {
          ...{ topic: "a", partition: { topic: 1, partition: 0 }, from: { epoch: 2, offset: from }, until },
          ...{ targets: new Map([[1, target]]), eventBytes: 1_048_576 }
        })
      return Object.assign((from: number, until?: number) => finish(steps(from, until)), { steps })
    }
    const small = of(EVENTS + 5, 1)
    assert.deepStrictEqual([small(10).to.offset, small(10).outgoing.length], [10 + EVENTS, EVENTS])
    assert.deepStrictEqual(
      [small(10 + EVENTS).to.offset, small(10 + EVENTS).outgoing[0]!.offset],
      [15 + EVENTS, 10 + EVENTS]
    )
    assert.deepStrictEqual([small(12, 20).to.offset, small(12, 20).events], [20, 8])
    const large = of(8, 400_000)
    assert.strictEqual(large(10).to.offset, 13)
    const huge = of(1, 1_048_576)(10)
    assert.deepStrictEqual([huge.to.offset, huge.outgoing.length], [11, 0])
    assert.match(huge.refused[0]!.why, /more than 1048576 bytes/)
    assert.strictEqual([...small.steps(10)].length, EVENTS)
  })
})
