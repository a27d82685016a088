/** The use cases of those who run topics, on memory twins. */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { NO_FIGURES, sumOf } from "../../src/filters/Figures.ts"
import { Activity } from "../../src/topics/Activity.ts"
import { type TopicList, Topics } from "../../src/topics/Topics.ts"
import { TopicUsers } from "../../src/topics/TopicUsers.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const as = (who: Identity) => Effect.provideService(CurrentIdentity, who)
const ann: Identity = { name: "ann", keyId: "k1", role: "viewer", environments: ["x"], topics: ["shop/*"] }
const why = { message: "" }

describe("topics", () => {
  it.effect("YT1 whoever may not use a topic is not told whether it is there, and lists their own", () =>
    Effect.gen(function* () {
      const all = yield* Topics
      for (const name of ["shop/a", "shop/b", "other"]) yield* all.create({ name }, why)
      const seen = yield* as(ann)(all.list("", "", 100))
      assert.deepStrictEqual(
        seen.topics.map(({ name }) => name),
        ["shop/a", "shop/b"]
      )
      for (const name of ["other", "nothing"])
        assert.strictEqual((yield* Effect.flip(as(ann)(all.get(name)))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(as(ann)(all.get("shop/c")))).name, "NoSuchTopic")
      assert.strictEqual((yield* Effect.flip(as(ann)(all.create({ name: "shop/c" }, why)))).name, "Forbidden")
      for (const name of ["secret/merger", "aa", "zz"]) yield* all.create({ name }, why)
      const pages: Array<unknown> = []
      for (let after: string | undefined = ""; after !== undefined; ) {
        const { topics, next }: TopicList = yield* as(ann)(all.list("", after, 1))
        pages.push([topics.map(({ name }) => name), next])
        after = next
      }
      assert.deepStrictEqual(pages, [
        [["shop/a"], "shop/a"],
        [["shop/b"], undefined]
      ])
      for (const name of ["secret/merger", "aa", "zz"]) yield* all.remove(name, why)
      const first = yield* all.list("", "", 2)
      assert.strictEqual(first.next, "shop/a")
      assert.strictEqual((yield* all.list("", "shop/a", 2)).next, undefined)
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("YT5 who uses a topic is named as far as one may read what it is of, and others are counted as one", () =>
    Effect.gen(function* () {
      const all = yield* Topics
      const users = yield* TopicUsers
      yield* all.create({ name: "shop/t" }, why)
      const senders = ["shop/a", "secret/merger", "secret/layoffs", "shop/b", "shop/*"]
      users.askSenders(() =>
        Effect.succeed(senders.map((of) => ({ what: `what the routing rule ${of.slice(-1)} sends`, of })))
      )
      const eve: Identity = { ...ann, name: "eve", role: "admin", topics: ["shop/*"] }
      const told = (who: Identity) =>
        Effect.map(Effect.flip(as(who)(all.remove("shop/t", why))), ({ message }) => message)
      assert.strictEqual(
        yield* told(eve),
        "shop/t gets what the routing rule a sends of shop/a, something of another topic, what the routing rule b sends of shop/b, what the routing rule * sends of shop/*"
      )
      assert.include(yield* told({ ...eve, topics: ["*"] }), "sends of secret/merger")
      senders.push("secret/sixth")
      assert.match(yield* told(eve), /, others$/)
      assert.notInclude(yield* told(eve), "secret")
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("YT2 a schema that can't be used is refused, and one that can counts versions", () =>
    Effect.gen(function* () {
      const all = yield* Topics
      for (const schema of [{ type: "nonsense" }, { $ref: "https://example.com/x" }, 17, "text"])
        assert.strictEqual((yield* Effect.flip(all.create({ name: "t", schema }, why))).name, "InvalidSchema")
      const made = yield* all.create({ name: "t", schema: { type: "object" } }, why)
      assert.deepStrictEqual([made.schemaVersion, made.schema], [1, '{"type":"object"}'])
      assert.strictEqual((yield* all.update("t", { schema: { type: "array" } }, why)).schemaVersion, 2)
      assert.strictEqual((yield* all.update("t", { schema: null }, why)).schema, null)
      assert.strictEqual((yield* Effect.flip(all.update("t", { schema: { type: 1 } }, why))).name, "InvalidSchema")
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect(
    "YT3 a creation that comes again with its key finds the topic, unless it asks for another or that was changed",
    () =>
      Effect.gen(function* () {
        const all = yield* Topics
        const once = { message: "", idempotencyKey: "k" }
        const made = yield* all.create({ name: "t", partitions: 2 }, once)
        assert.deepStrictEqual(yield* all.create({ name: "t", partitions: 2 }, once), made)
        assert.strictEqual((yield* Effect.flip(all.create({ name: "t", partitions: 3 }, once))).name, "TopicExists")
        assert.strictEqual((yield* Effect.flip(all.create({ name: "t", partitions: 2 }, why))).name, "TopicExists")
        yield* all.update("t", { description: "x" }, why)
        assert.strictEqual((yield* Effect.flip(all.create({ name: "t", partitions: 2 }, once))).name, "TopicExists")
        assert.strictEqual((yield* Effect.flip(all.update("t", { enabled: false }, why, 1))).name, "TopicConflict")
      }).pipe(as(system), Effect.provide(given))
  )

  it.effect("TS4 each has its entry in the audit log, with who, by which key and why; what failed has none", () =>
    Effect.gen(function* () {
      const all = yield* Topics
      yield* all.create({ name: "t" }, { message: "new" })
      yield* Effect.flip(all.create({ name: "t" }, why))
      yield* all.update("t", { retention: { millis: 60_000, bytes: null } }, why)
      ;(yield* TopicUsers).ask(() => Effect.succeed(1))
      assert.strictEqual((yield* Effect.flip(all.remove("t", why))).name, "TopicInUse")
      yield* all.remove("t", { message: "", force: true })
      const entries = yield* (yield* AuditLog).read({ limit: 10 })
      assert.deepStrictEqual(
        entries.map(({ action, performedBy, details }) => [action, performedBy, details["keyId"], details["message"]]),
        [
          ["topic.delete", "herald", "system", undefined],
          ["topic.update", "herald", "system", undefined],
          ["topic.create", "herald", "system", "new"]
        ]
      )
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("TJ1 what a node does is counted over a minute, and forgotten after it", () =>
    Effect.gen(function* () {
      const activity = yield* Activity
      activity.published(1, 600)
      const leave = activity.reading(1)
      assert.deepStrictEqual(activity.of(1), { in: 60, out: 0, readers: 1, filters: NO_FIGURES })
      yield* TestClock.adjust("30 seconds")
      activity.sent(1, 120)
      assert.deepStrictEqual(activity.of(1), { in: 15, out: 3, readers: 1, filters: NO_FIGURES })
      // What a filter names is nothing for others.
      const figures = { ...NO_FIGURES, looked: 7, matched: 1, missing: 2, failed: 3, costly: 1 }
      activity.filtered(1, { ...figures, missingField: "secret" })
      activity.filtered(1, figures)
      assert.deepStrictEqual(activity.of(1).filters, sumOf(figures, figures))
      leave()
      leave()
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(activity.of(1), { in: 0, out: 0, readers: 0, filters: NO_FIGURES })
      for (let id = 2; id < 20_000; id++) activity.published(id, 1)
      assert.deepStrictEqual(activity.of(1), { in: 0, out: 0, readers: 0, filters: NO_FIGURES })
      assert.strictEqual(activity.of(19_000).in, 0)
    }).pipe(Effect.provide(Activity.layer))
  )

  it.effect("YT4 without a Kafka a topic in it is refused, with what to do", () =>
    Effect.gen(function* () {
      const { create } = yield* Topics
      const told = yield* Effect.flip(create({ name: "t", log: "kafka" }, why))
      assert.deepStrictEqual([told.name, told.code], ["NoKafka", "HRLD-4043"])
    }).pipe(as(system), Effect.provide(given))
  )
})
