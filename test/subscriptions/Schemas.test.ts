/** Filters of subscriptions whose topic gets another schema while they are served. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { matchingOf } from "../../src/subscriptions/Matching.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { City, seconds } from "./City.ts"
import type { Guest } from "./Town.ts"

const schemaOf = (type: "number" | "string") =>
  JSON.stringify({ type: "object", properties: { price: { type } }, additionalProperties: false })
const prices = (...all: ReadonlyArray<number | string>) => all.map((price) => ["k", JSON.stringify({ price })] as const)
const told = ({ outputs }: Guest) =>
  outputs.flatMap((one) => (one.is === "state" && one.status === "error" ? [one.reason] : []))

const begun = Effect.fnUntraced(function* (filter: string, type: "number" | "string" | undefined) {
  const [city, other] = [new City(), new City()]
  Object.assign(other, { stores: city.stores, topics: city.topics, postgres: city.postgres })
  for (const one of [city, other]) one.matching = matchingOf
  yield* city.make("t", "shared", "postgres", { filter })
  const become = (schema: string | null) => {
    const now = city.topics.get("t")!
    city.topics.set("t", { ...now, schema, schemaVersion: now.schemaVersion + 1 })
  }
  if (type !== undefined) become(schemaOf(type))
  const store = yield* Effect.provide(SubscriptionStore, city.stores)
  const resume = Effect.gen(function* () {
    const change = { status: "active", reason: "", pausedMillis: null } as const
    yield* store.change((yield* store.get("t", "s"))!, change)
  })
  return { city, other, become, resume, get: store.get("t", "s") }
})

describe("a topic's new schema", () => {
  it.effect("QI6 what comes is looked at by it, on every node, a second later", () =>
    Effect.gen(function* () {
      const { city, other, become } = yield* begun("version == 0", undefined)
      for (const one of [city, other])
        one.matching =
          (_, { schemaVersion }) =>
          (event) =>
            new TextDecoder().decode(event).includes(`v${schemaVersion}`)
      const nodes = [yield* city.node("a"), yield* other.node("b")]
      const guests = [(yield* nodes[0]!.join("t", "one")).guest, (yield* nodes[1]!.join("t", "two")).guest]
      const keys = Array.from({ length: 32 }, (_, n) => `k${n}`) // of slices of both nodes
      const append = (text: string) =>
        city.postgres.append(
          0,
          keys.map((key) => [key, text] as const)
        )
      const came = () => guests.map(({ texts }) => [...new Set(texts.splice(0))])
      yield* seconds(3)
      for (const text of ["v0", "v1"]) append(text)
      yield* seconds(3)
      assert.deepStrictEqual(came(), [["v0"], ["v0"]])
      become(null)
      yield* seconds(3)
      for (const text of ["v0", "v1"]) append(text)
      yield* seconds(3)
      assert.deepStrictEqual(came(), [["v1"], ["v1"]])
      assert.isEmpty(guests.flatMap(told))
    })
  )

  it.effect(
    "QI6 one that the schema no longer knows is in error, passes over nothing, and goes on once it is one again",
    () =>
      Effect.gen(function* () {
        const { city, become, resume, get } = yield* begun("price > 10", "number")
        const node = yield* city.node("a")
        const { guest } = yield* node.join("t")
        city.postgres.append(0, prices(20))
        yield* seconds(3)
        become(schemaOf("string"))
        yield* seconds(3)
        assert.strictEqual((yield* get)!.status, "error")
        assert.match((yield* get)!.reason, /^filter: /)
        city.postgres.append(0, prices(21))
        // Who resumes it now gets the error again, and so does who comes now.
        yield* resume
        yield* seconds(3)
        assert.strictEqual((yield* get)!.status, "error")
        assert.isAbove(told(guest).length, 0)
        const late = yield* node.join("t", "late")
        yield* seconds(2)
        assert.isAbove(told(late.guest).length, 0)
        become(schemaOf("number"))
        yield* resume // before any node has looked at it
        yield* seconds(3)
        assert.strictEqual((yield* get)!.status, "active")
        assert.deepStrictEqual([...guest.texts, ...late.guest.texts].sort(), ['{"price":20}', '{"price":21}'])
      })
  )

  it.effect("QI6 who resumes it when its schema was mended is heard, whatever a node remembers of the topic", () =>
    Effect.gen(function* () {
      const { city, become, resume, get } = yield* begun("price > 10", "string")
      const old = city.topics.get("t")
      city.remembered = () => old
      const { guest } = yield* (yield* city.node("a")).join("t")
      yield* seconds(3)
      assert.strictEqual((yield* get)!.status, "error")
      become(schemaOf("number"))
      city.postgres.append(0, prices(20))
      yield* resume
      yield* seconds(3)
      assert.deepStrictEqual([(yield* get)!.status, guest.texts], ["active", ['{"price":20}']])
    })
  )

  it.effect("QI6 why it is in error is at most 1,000 characters, all of them whole", () =>
    Effect.gen(function* () {
      const { city, get } = yield* begun("price > 10", "number")
      const [room, said] = [1_000 - "filter: ".length - 1, "\u{1f525} and more"]
      city.matching = () => new HeraldError({ name: "InvalidFilter", message: `${"x".repeat(room)}${said}` })
      yield* (yield* city.node("a")).join("t")
      yield* seconds(3)
      assert.strictEqual((yield* get)!.reason, `filter: ${"x".repeat(room)}\ufffd`)
    })
  )

  it.effect("QI6 whoever comes first finds it in error, too", () =>
    Effect.gen(function* () {
      const { city, get } = yield* begun("price > 10", "string")
      const { guest } = yield* (yield* city.node("a")).join("t")
      yield* seconds(3)
      assert.strictEqual((yield* get)!.status, "error")
      assert.isAbove(told(guest).length, 0)
    })
  )
})
