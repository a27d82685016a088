/** Topics whose log is in Kafka, as far as Herald's own part goes: what is there already is nobody's here. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { KafkaLog } from "../../src/topics/KafkaLog.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const why = { message: "" }
const asSystem = Effect.provideService(CurrentIdentity, system)
const named = (error: HeraldError) => error.name

/** A Kafka that keeps ids by name, and what it was told. */
class FakeKafka {
  readonly topics = new Map<string, string>()
  readonly told: Array<string> = []
  /** What is waited for before anything is answered. */
  gate: Deferred.Deferred<void> | undefined
  away = false
  #ids = 0

  readonly #answered = <A>(what: string, name: string, answer: () => A): Effect.Effect<A, HeraldError> =>
    Effect.gen({ self: this }, function* () {
      this.told.push(`${what} ${name}`)
      if (this.gate !== undefined) yield* Deferred.await(this.gate)
      if (this.away) return yield* failure("TopicLogUnavailable", "away")
      return answer()
    })
  readonly #make = (name: string) => {
    const id = `id${++this.#ids}`
    this.topics.set(name, id)
    return id
  }

  get layer() {
    const taken = failure("KafkaTopicExists", "it is there")
    return Layer.effect(
      KafkaLog,
      Effect.map(TopicLog, (log) =>
        KafkaLog.of({
          ...log,
          elsewhere: {
            wrongName: (name) => (name.startsWith("__") ? "Kafka keeps it for itself" : undefined),
            create: ({ name }) =>
              Effect.flatMap(
                this.#answered("create", name, () => this.topics.has(name)),
                (is) => (is ? Effect.fail(taken) : Effect.sync(() => this.#make(name)))
              ),
            change: ({ name, madeAs }) =>
              Effect.flatMap(
                this.#answered("change", name, () => this.topics.get(name)),
                (its) =>
                  its === undefined
                    ? Effect.sync(() => this.#make(name))
                    : its === madeAs
                      ? Effect.succeed(its)
                      : Effect.fail(taken)
              ),
            remove: ({ name, madeAs }) =>
              this.#answered("remove", name, () => {
                if (this.topics.get(name) === madeAs) this.topics.delete(name)
              }),
            open: () => Effect.succeed([])
          }
        })
      )
    )
  }

  get services() {
    const stores = Layer.provideMerge(this.layer, Memory.layer)
    return topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(stores, {})))
  }
}

describe("topics in Kafka", () => {
  it.effect("YT4 a topic that Kafka does not make is none here either, and one that Kafka keeps is not deleted", () => {
    const kafka = new FakeKafka()
    kafka.away = true
    return Effect.gen(function* () {
      const { create, update, remove, get } = yield* Topics
      assert.strictEqual(named(yield* Effect.flip(create({ name: "t", log: "kafka" }, why))), "TopicLogUnavailable")
      assert.strictEqual(named(yield* Effect.flip(get("t"))), "NoSuchTopic")
      kafka.away = false
      assert.strictEqual((yield* create({ name: "t", log: "kafka" }, why)).madeAs, "id1")
      yield* update("t", { partitions: 3 }, why)
      kafka.away = true
      assert.strictEqual(named(yield* Effect.flip(remove("t", why))), "TopicLogUnavailable")
      assert.strictEqual((yield* get("t")).partitions, 3)
      kafka.away = false
      yield* remove("t", why)
      assert.strictEqual(kafka.topics.size, 0)
      assert.deepStrictEqual(kafka.told, ["create t", "create t", "change t", "remove t", "remove t"])
    }).pipe(asSystem, Effect.provide(kafka.services))
  })

  it.effect(
    "YT4 TS6 of two creations with one key for what Kafka has already, nothing there is changed or removed",
    () => {
      const kafka = new FakeKafka()
      kafka.topics.set("payments", "theirs")
      return Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        kafka.gate = gate
        const { create, update, remove, get, list } = yield* Topics
        const wish = create({ name: "payments", log: "kafka" }, { message: "", idempotencyKey: "k" })
        const first = yield* Effect.forkChild(Effect.flip(wish), { startImmediately: true })
        yield* Effect.promise(() => waitUntil("Kafka to be asked", () => kafka.told.length === 1))
        // Nobody sees it meanwhile.
        assert.strictEqual(named(yield* Effect.flip(wish)), "TopicExists")
        for (const its of [get("payments"), update("payments", { partitions: 2 }, why), remove("payments", why)])
          assert.strictEqual(
            named(yield* Effect.flip(its as Effect.Effect<unknown, HeraldError, never>)),
            "NoSuchTopic"
          )
        assert.deepStrictEqual((yield* list("", "", 10)).topics, [])
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(named(yield* Fiber.join(first)), "KafkaTopicExists")
        assert.deepStrictEqual(kafka.told, ["create payments"])
        assert.strictEqual(kafka.topics.get("payments"), "theirs")
        assert.strictEqual(named(yield* Effect.flip(wish)), "KafkaTopicExists")
      }).pipe(asSystem, Effect.provide(kafka.services))
    }
  )

  it.effect("YT3 a creation that comes again with its key finds the topic, and tells Kafka nothing", () => {
    const kafka = new FakeKafka()
    return Effect.gen(function* () {
      const { create } = yield* Topics
      const wish = create({ name: "t", log: "kafka" }, { message: "", idempotencyKey: "k" })
      assert.deepStrictEqual(yield* wish, yield* wish)
      assert.deepStrictEqual(kafka.told, ["create t"])
    }).pipe(asSystem, Effect.provide(kafka.services))
  })

  it.effect("YT4 what somebody else made under the name meanwhile is neither changed nor deleted", () => {
    const kafka = new FakeKafka()
    return Effect.gen(function* () {
      const { create, update, remove, get } = yield* Topics
      yield* create({ name: "t", log: "kafka" }, why)
      kafka.topics.set("t", "theirs")
      assert.strictEqual(named(yield* Effect.flip(update("t", { partitions: 2 }, why))), "KafkaTopicExists")
      kafka.topics.delete("t")
      yield* update("t", { partitions: 3 }, why)
      assert.strictEqual((yield* get("t")).madeAs, "id2")
      kafka.topics.set("t", "theirs")
      yield* remove("t", why)
      assert.strictEqual(kafka.topics.get("t"), "theirs")
    }).pipe(asSystem, Effect.provide(kafka.services))
  })

  it.effect("KM2 TS6 names that Kafka keeps are refused, and what is one name there is one topic's", () => {
    const kafka = new FakeKafka()
    return Effect.gen(function* () {
      const { create } = yield* Topics
      const told = yield* Effect.flip(create({ name: "__consumer_offsets", log: "kafka" }, why))
      assert.strictEqual(told.name, "InvalidInput")
      yield* create({ name: "shop/orders", log: "kafka" }, why)
      assert.strictEqual(named(yield* Effect.flip(create({ name: "shop.orders", log: "kafka" }, why))), "TopicExists")
      yield* create({ name: "shop.orders" }, why)
      assert.deepStrictEqual(kafka.told, ["create shop/orders"])
    }).pipe(asSystem, Effect.provide(kafka.services))
  })

  it.effect(
    "TS6 one that nobody has made for a minute gives way; whoever comes back then leaves nothing in Kafka",
    () => {
      const kafka = new FakeKafka()
      return Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        kafka.gate = gate
        const { create } = yield* Topics
        const slow = yield* Effect.forkChild(Effect.flip(create({ name: "t", log: "kafka" }, why)), {
          startImmediately: true
        })
        yield* Effect.promise(() => waitUntil("Kafka to be asked", () => kafka.told.length === 1))
        yield* TestClock.adjust("61 seconds")
        const { made } = yield* TopicStore
        kafka.gate = undefined
        const other = yield* create({ name: "t" }, why)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(named(yield* Fiber.join(slow)), "TopicExists")
        assert.deepStrictEqual([...kafka.topics], [])
        assert.isUndefined(yield* made(other.id, "x"))
      }).pipe(asSystem, Effect.provide(kafka.services))
    }
  )
})
