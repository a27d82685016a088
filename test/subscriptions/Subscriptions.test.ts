/** The use cases of those who run subscriptions, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { statusAt } from "../../src/subscriptions/Subscription.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { type Named, type SubscriptionDraft, Subscriptions } from "../../src/subscriptions/Subscriptions.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const as = (who: Identity) => Effect.provideService(CurrentIdentity, who)
const who = (role: Identity["role"], ...patterns: ReadonlyArray<string>): Identity => ({
  ...{ name: `a ${role}`, keyId: "k1", role, environments: ["x"], topics: patterns }
})
const why = { message: "" }
const draft = (changed: Partial<SubscriptionDraft> = {}): SubscriptionDraft => ({
  ...{ topicName: "orders", subscriptionName: "billing", type: "key_shared", ...changed }
})
const billing = { topicName: "orders", subscriptionName: "billing" }
const nameOf = <A, R>(work: Effect.Effect<A, { readonly name: string }, R>) =>
  Effect.map(Effect.flip(work), ({ name }) => name)

const event = (key: string) => ({
  ...{ key, payload: Buffer.from(`{"total":1}`), eventTime: null, headers: new Map<string, string>() }
})
const publish = (...keys: ReadonlyArray<string>) =>
  Effect.flatMap(Publishing, ({ publish }) => publish({ topic: "orders", events: keys.map(event) }))
const offsetsOf = (partitions: ReadonlyArray<{ readonly floor: number }>) => partitions.map(({ floor }) => floor)

describe("subscriptions", () => {
  it.effect("YT6 whoever changes a schema is told whose filter it stops, and of no other one", () =>
    Effect.gen(function* () {
      const [all, topics] = [yield* Subscriptions, yield* Topics]
      const of = (name: string) => ({ schema: { type: "object", properties: { [name]: { type: "number" } } } })
      yield* topics.create({ name: "orders", ...of("total") }, why)
      yield* all.create(draft({ filter: "total > 1" }), why)
      yield* all.create(draft({ subscriptionName: "all" }), why)
      assert.isUndefined((yield* topics.update("orders", { description: "d" }, why)).unfit)
      const said = (yield* topics.update("orders", of("amount"), why)).unfit ?? []
      assert.lengthOf(said, 1)
      assert.match(said[0]!, /^the subscription billing: filter: .*total/)
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB2 one that can't work is refused when it is made, and nothing is made", () =>
    Effect.gen(function* () {
      const [all, topics] = [yield* Subscriptions, yield* Topics]
      const schema = { type: "object", properties: { total: { type: "number" } } }
      yield* topics.create({ name: "orders", schema }, why)
      yield* topics.create({ name: "dead" }, why)
      yield* topics.create({ name: "memory", log: "ephemeral" }, why)
      const refused = (changed: Partial<SubscriptionDraft>) => nameOf(all.create(draft(changed), why))
      assert.strictEqual(yield* refused({ filter: "totl > 1" }), "InvalidFilter")
      assert.strictEqual(yield* refused({ filter: "total > " }), "InvalidFilter")
      assert.strictEqual(yield* refused({ filter: `total == "a"` }), "InvalidFilter")
      assert.strictEqual(yield* refused({ deadLetterTopic: "nowhere" }), "NoSuchTopic")
      assert.strictEqual(yield* refused({ deadLetterTopic: "orders" }), "InvalidInput")
      assert.strictEqual(yield* refused({ topicName: "nowhere" }), "NoSuchTopic")
      assert.strictEqual(yield* refused({ topicName: "memory" }), "InvalidInput")
      assert.strictEqual(yield* refused({ maxAttempts: 0 }), "InvalidInput")
      assert.strictEqual(yield* refused({ subscriptionName: "../x" }), "InvalidInput")
      const beyond = { at: "offsets", places: new Map([[0, { epoch: 1, offset: 17 }]]), others: "usual" } as const
      assert.strictEqual(yield* refused({ start: beyond }), "OffsetOutOfRange")
      assert.isEmpty((yield* all.list("", { limit: 10, after: undefined })).subscriptions)
      const reader = as(who("subscriber", "orders", "dead"))
      assert.strictEqual(yield* nameOf(reader(all.create(draft({ deadLetterTopic: "dead" }), why))), "Forbidden")
      const made = yield* reader(all.create(draft({ filter: "total > 1" }), why))
      assert.deepInclude(made, { filter: "total > 1", createdBy: "a subscriber", maxAttempts: 16, status: "active" })
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("SI1 where it starts is fixed when it is made: what comes afterwards is its own", () =>
    Effect.gen(function* () {
      const [all, topics] = [yield* Subscriptions, yield* Topics]
      yield* topics.create({ name: "orders", partitions: 2 }, why)
      yield* publish("a", "b", "c", "d")
      yield* all.create(draft(), why)
      yield* all.create(draft({ subscriptionName: "mail", start: { at: "earliest" } }), why)
      yield* publish("a", "b")
      const backlog = (subscriptionName: string) =>
        Effect.map(all.stats({ ...billing, subscriptionName }), ({ partitions }) =>
          partitions.reduce((sum, { backlog }) => sum + backlog, 0)
        )
      assert.strictEqual(yield* backlog("billing"), 2)
      assert.strictEqual(yield* backlog("mail"), 6)
      const { epoch } = yield* all.seek(billing, { at: "earliest" }, why)
      assert.strictEqual(epoch, 2)
      assert.strictEqual(yield* backlog("billing"), 6)
      const { partitions } = yield* all.stats(billing)
      const place = { epoch: partitions[0]!.epoch, offset: partitions[0]!.end }
      yield* all.seek(billing, { at: "offsets", places: new Map([[0, place]]), others: "usual" }, why)
      assert.deepStrictEqual(offsetsOf((yield* all.stats(billing)).partitions), [place.offset, 0])
      yield* all.seek(billing, { at: "time", millis: 8_640_000_000_000_000 }, why)
      assert.strictEqual(yield* backlog("billing"), 0)
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB3 a creation that comes again with its key finds it, unless it asks for another or that was moved", () =>
    Effect.gen(function* () {
      const all = yield* Subscriptions
      yield* (yield* Topics).create({ name: "orders" }, why)
      const once = { message: "", idempotencyKey: "k" }
      const made = yield* all.create(draft(), once)
      assert.deepStrictEqual(yield* all.create(draft(), once), made)
      assert.strictEqual(yield* nameOf(all.create(draft(), why)), "SubscriptionExists")
      assert.strictEqual(yield* nameOf(all.create(draft({ maxAttempts: 3 }), once)), "SubscriptionExists")
      const other = as(who("admin", "*"))
      assert.strictEqual(yield* nameOf(other(all.create(draft(), once))), "SubscriptionExists")
      yield* all.seek(billing, { at: "earliest" }, why)
      assert.strictEqual(yield* nameOf(all.create(draft(), once)), "SubscriptionExists")
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB4 a subscription of a topic that was deleted is none, and gives its name back", () =>
    Effect.gen(function* () {
      const [all, topics] = [yield* Subscriptions, yield* Topics]
      yield* topics.create({ name: "orders" }, why)
      const first = yield* all.create(draft(), why)
      assert.strictEqual(yield* nameOf(topics.remove("orders", why)), "TopicInUse")
      yield* topics.remove("orders", { message: "", force: true })
      assert.strictEqual(yield* nameOf(all.get(billing)), "NoSuchTopic")
      const store = yield* SubscriptionStore
      assert.isUndefined(yield* store.get("orders", "billing"))
      // As when a node falls between the two.
      yield* store.create({ ...first, startPosition: { at: "latest" } }, [], "herald")
      assert.isEmpty((yield* all.list("", { limit: 10, after: undefined })).subscriptions)
      yield* topics.create({ name: "orders" }, why)
      assert.strictEqual(yield* nameOf(all.get(billing)), "NoSuchSubscription")
      assert.isEmpty((yield* all.list("orders", { limit: 10, after: undefined })).subscriptions)
      assert.strictEqual((yield* topics.stats("orders")).subscriptions, 0)
      const second = yield* all.create(draft(), why)
      assert.notStrictEqual(second.id, first.id)
      yield* all.remove(billing, why)
      assert.strictEqual(yield* nameOf(all.remove(billing, why)), "NoSuchSubscription")
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB5 a pause ends by itself or when it is resumed; an error is not paused over", () =>
    Effect.gen(function* () {
      const [all, store] = [yield* Subscriptions, yield* SubscriptionStore]
      yield* (yield* Topics).create({ name: "orders" }, why)
      const made = yield* all.create(draft(), why)
      const paused = yield* all.pause(billing, 60_000, why)
      assert.deepStrictEqual([statusAt(paused, 59_999), statusAt(paused, 60_000)], ["paused", "active"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* all.pause(billing, null, why)).pausedUntil, null)
      assert.strictEqual((yield* all.resume(billing, why)).status, "active")
      for (const millis of [0, -1, 1.5, 9e15])
        assert.strictEqual(yield* nameOf(all.pause(billing, millis, why)), "InvalidInput")
      yield* store.change(made, { status: "error", reason: "it failed", pausedMillis: null })
      assert.strictEqual(yield* nameOf(all.pause(billing, null, why)), "SubscriptionConflict")
      assert.deepInclude(yield* all.resume(billing, why), { status: "active", reason: "" })
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB8 whatever state it is in, it can be stopped; then it is resumed, and not paused", () =>
    Effect.gen(function* () {
      const [all, store] = [yield* Subscriptions, yield* SubscriptionStore]
      yield* (yield* Topics).create({ name: "orders" }, why)
      const made = yield* all.create(draft(), why)
      const states = [
        ["active", "", null],
        ["paused", "", 60_000],
        ["error", "it failed", null],
        ["stopped", "", null]
      ] as const
      for (const [status, reason, pausedMillis] of states) {
        yield* store.change(made, { status, reason, pausedMillis })
        const stopped = yield* all.stop(billing, why)
        assert.deepInclude(stopped, { status: "stopped", reason: "", pausedUntil: null })
        assert.strictEqual(statusAt(stopped, Number.MAX_SAFE_INTEGER), "stopped")
        assert.strictEqual(yield* nameOf(all.pause(billing, null, why)), "SubscriptionConflict")
        assert.strictEqual((yield* all.seek(billing, { at: "earliest" }, why)).status, "stopped")
        assert.deepInclude(yield* all.resume(billing, why), { status: "active", reason: "" })
        yield* store.seek("orders", "billing", [])
        Object.assign(made, yield* all.get(billing))
      }
      yield* all.stop(billing, why)
      const viewer = as(who("viewer", "orders"))
      assert.strictEqual(yield* nameOf(viewer(all.stop(billing, why))), "Forbidden")
      const none = { ...billing, subscriptionName: "none" }
      assert.strictEqual(yield* nameOf(all.stop(none, why)), "NoSuchSubscription")
      const [entry] = yield* (yield* AuditLog).read({ limit: 1 })
      assert.deepInclude(entry, { action: "subscription.stopped", performedBy: "herald" })
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("YT1 whoever may not use a topic is not told of its subscriptions, and lists their own", () =>
    Effect.gen(function* () {
      const [all, topics] = [yield* Subscriptions, yield* Topics]
      for (const name of ["orders", "secret"]) {
        yield* topics.create({ name }, why)
        for (const subscriptionName of ["a", "b"]) yield* all.create(draft({ topicName: name, subscriptionName }), why)
      }
      const viewer = as(who("viewer", "orders"))
      const seen = yield* viewer(all.list("", { limit: 10, after: undefined }))
      assert.deepStrictEqual(
        seen.subscriptions.map(({ topicName, subscriptionName }) => `${topicName} ${subscriptionName}`),
        ["orders a", "orders b"]
      )
      const pages: Array<unknown> = []
      for (let after: Named | undefined; pages.length < 5; ) {
        const { subscriptions, next } = yield* as(who("viewer", "secret"))(all.list("", { limit: 1, after }))
        pages.push([subscriptions.map(({ topicName }) => topicName), next?.topicName])
        if (next === undefined) break
        after = next
      }
      assert.deepStrictEqual(pages, [
        [["secret"], "secret"],
        [["secret"], undefined]
      ])
      const secret = { topicName: "secret", subscriptionName: "a" }
      assert.strictEqual(yield* nameOf(viewer(all.get(secret))), "Forbidden")
      assert.strictEqual(yield* nameOf(viewer(all.stats(secret))), "Forbidden")
      assert.strictEqual(yield* nameOf(viewer(all.list("secret", { limit: 1, after: undefined }))), "Forbidden")
      const mine = { topicName: "orders", subscriptionName: "a" }
      assert.strictEqual(yield* nameOf(viewer(all.remove(mine, why))), "Forbidden")
      assert.strictEqual(yield* nameOf(viewer(all.seek(mine, { at: "latest" }, why))), "Forbidden")
      assert.strictEqual(yield* nameOf(viewer(all.pause(mine, null, why))), "Forbidden")
      const first = yield* all.list("", { limit: 3, after: undefined })
      assert.deepInclude(first.next, { topicName: "secret", subscriptionName: "a" })
      const rest = yield* all.list("", { limit: 3, after: first.next })
      assert.deepStrictEqual([rest.subscriptions.length, rest.next], [1, undefined])
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("SM4 what somebody does has its entry in the audit log, with who, by which key and why", () =>
    Effect.gen(function* () {
      const all = yield* Subscriptions
      yield* (yield* Topics).create({ name: "orders" }, why)
      yield* all.create(draft(), { message: "new" })
      yield* all.pause(billing, 1_000, why)
      yield* all.resume(billing, why)
      yield* all.seek(billing, { at: "earliest" }, { message: "again" })
      yield* all.remove(billing, why)
      yield* Effect.flip(all.remove(billing, why))
      const entries = yield* (yield* AuditLog).read({ limit: 5 })
      assert.deepStrictEqual(
        entries.map(({ action, performedBy, details }) => [
          ...[action, performedBy, details["subscription"], details["keyId"], details["message"]]
        ]),
        [
          ["subscription.delete", "herald", "billing", "system", undefined],
          ["subscription.seek", "herald", "billing", "system", "again"],
          ["subscription.active", "herald", "billing", "system", undefined],
          ["subscription.paused", "herald", "billing", "system", undefined],
          ["subscription.create", "herald", "billing", "system", "new"]
        ]
      )
    }).pipe(as(system), Effect.provide(given))
  )
})
