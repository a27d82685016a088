/** What a topic's schema stops when it is changed, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { statusOf } from "../../src/routes/Route.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { TopicUsers } from "../../src/topics/TopicUsers.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = RoutingRules.layer.pipe(
  Layer.provideMerge(topics),
  Layer.provideMerge(access),
  Layer.provideMerge(below(Memory.layer, {}))
)
const ann: Identity = { name: "ann", keyId: "k1", role: "admin", environments: ["x"], topics: ["shop/a"] }
const why = { message: "" }
const of = (...fields: ReadonlyArray<string>) => ({
  schema: { type: "object", properties: Object.fromEntries(fields.map((name) => [name, { type: "number" }])) }
})
const event = {
  key: null,
  payload: new Uint8Array(),
  eventTime: null,
  headers: new Map(),
  partition: 0,
  publishedAt: 1
}

const begin = Effect.gen(function* () {
  const topics = yield* Topics
  for (const name of ["shop/a", "shop/b"]) yield* topics.create({ name, ...of("total", "customer") }, why)
  const rules = yield* RoutingRules
  const rule = (name: string, change: object) =>
    rules.create({ name, source: "shop/a", target: "shop/b", ...change }, why)
  yield* rule("fits", { condition: "total > 1" })
  yield* rule("big", { key: "{customer}" })
  yield* rule("off", { key: "{customer}", enabled: false })
  return { topics, rules }
})

describe("a schema that no longer has what a rule names", () => {
  it.effect(
    "ZF6 YT6 whoever changes it is told which rules stop, and list, test and show say so, too, before any event",
    () =>
      Effect.gen(function* () {
        const { topics, rules } = yield* begin
        const said = (yield* topics.update("shop/a", of("total"), why)).unfit ?? []
        assert.lengthOf(said, 1)
        assert.match(said[0]!, /^the routing rule big: key: .*customer/)
        const listed = (yield* rules.list).map((one) => [one.name, statusOf(one)])
        assert.deepStrictEqual(listed, [
          ["fits", "active"],
          ["big", "error"],
          ["off", "disabled"]
        ])
        assert.match((yield* rules.stats("big")).route.error, /^it doesn't fit shop\/a: key: /)
        assert.deepStrictEqual(
          (yield* rules.test("shop/a", event)).map(({ route, is }) => [route.name, is]),
          [
            ["fits", "skipped"],
            ["big", "error"],
            ["off", "off"]
          ]
        )
        // What was so is said once, and a change of something else stops nothing.
        assert.isUndefined((yield* topics.update("shop/a", { description: "d" }, why)).unfit)
        yield* topics.update("shop/a", of("total", "customer"), why)
        assert.strictEqual(statusOf(yield* rules.update("big", { enabled: true }, why)), "active")
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(given))
  )

  it.effect("YT6 of what is another's no name is told, and a change is made although nobody knows what it stops", () =>
    Effect.gen(function* () {
      const { topics } = yield* begin
      const users = yield* TopicUsers
      users.askUnfit(() => Effect.succeed([{ what: "the routing rule all", of: "shop/*", why: "key" }]))
      const may = Effect.provideService(CurrentIdentity, ann)
      assert.deepStrictEqual((yield* may(topics.update("shop/a", of("total"), why))).unfit?.slice(1), [
        "something of another topic"
      ])
      users.askUnfit(() => Effect.fail(failure("DatabaseUnavailable", "away")))
      const changed = yield* topics.update("shop/a", of("price"), why)
      assert.isUndefined(changed.unfit)
      assert.include(changed.schema, "price")
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(given))
  )
})
