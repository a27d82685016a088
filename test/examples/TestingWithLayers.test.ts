// #region whole
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { HeraldClient } from "herald/client"
import {
  asSystem,
  Commits,
  Configurations,
  ConfigurationView,
  failure,
  Held,
  Herald,
  Hub,
  node,
  Sessions,
  type Sink,
  type Subscription,
  stores,
  system,
  type Update
} from "herald/testing"

/** What is tested: a service of yours that follows a value. */
const startLimiter = async (address: string, token: string) => {
  const limits = { perSecond: 1 }
  const client = await HeraldClient.connect({ address, token, service: "limiter", defaults: { "limiter.rate": 1 } })
  client.watch<number>("limiter.rate", {
    validate: (rate) => rate > 0 || "a rate must be positive",
    apply: (rate) => {
      limits.perSecond = rate ?? 1
    }
  })
  return { limits, client }
}

const publish = (key: string, value: string) =>
  Effect.flatMap(Configurations, ({ publish }) =>
    asSystem(publish([{ key, environment: "production", value, type: "number" }], { message: "a test" }))
  )

describe("a service that follows Herald", () => {
  it.live("applies a published rate", () =>
    Effect.gen(function* () {
      const { grpc, token } = yield* Herald
      const { limits, client } = yield* Effect.acquireRelease(
        Effect.promise(() => startLimiter(grpc, token)),
        ({ client }) => Effect.promise(() => client.close())
      )
      yield* publish("limiter.rate", "250")
      yield* Effect.promise(async () => {
        for await (const { value } of client.watch<number>("limiter.rate")) if (value === 250) return
      })

      assert.strictEqual(limits.perSecond, 250)
    }).pipe(Effect.scoped, Effect.provide(Herald.layer.pipe(Layer.provideMerge(node()), Layer.provide(stores))))
  )
})
// #endregion

// #region fake
/** The database refuses to write; everything else is as it was. */
const readOnly = Layer.effect(
  Commits,
  Effect.map(Commits, (commits) =>
    Commits.of({ ...commits, commit: () => Effect.fail(failure("DatabaseUnavailable", "it is read-only")) })
  )
).pipe(Layer.provideMerge(stores))

describe("a database that can't be written", () => {
  it.effect("fails a publish with a typed error that may be tried again", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(publish("limiter.rate", "5"))

      assert.strictEqual(error.name, "DatabaseUnavailable")
      assert.strictEqual(error.row.http, 503)
    }).pipe(Effect.provide(node().pipe(Layer.provide(readOnly))))
  )
})
// #endregion

// #region time
/** A client without a socket. */
const subscription: Subscription = {
  client: { environment: "production", service: "limiter", instance: "one", labels: {} },
  identity: system,
  patterns: ["limiter.*"],
  position: undefined,
  held: new Held(),
  acceptsDelta: false,
  control: true
}

describe("a client that falls silent", () => {
  it.effect("is let go after 90 seconds, which take no time here", () =>
    Effect.gen(function* () {
      const got: Array<Update> = []
      const sink: Sink = { write: (update) => got.push(update) > 0, drained: queueMicrotask }
      const session = yield* (yield* Sessions).open(subscription, sink)
      yield* publish("limiter.rate", "250")
      yield* TestClock.adjust("89 seconds")
      assert.isTrue(got.some((update) => update.kind === "value" && update.content === "250"))
      assert.isFalse(yield* Deferred.isDone(session.ended))
      yield* TestClock.adjust("1 second")

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "SessionTimedOut")
    }).pipe(Effect.provide(node().pipe(Layer.provide(stores))))
  )
})
// #endregion

// #region nodes
describe("two nodes on one database", () => {
  it.effect("see each other's commits at once", () =>
    Effect.gen(function* () {
      const hub = new Hub()
      const database = yield* Layer.build(stores)
      const start = Layer.build(
        Layer.fresh(node()).pipe(Layer.provide(hub.layerLane), Layer.provide(Layer.succeedContext(database)))
      )
      const [a, b] = [yield* start, yield* start]
      yield* Effect.provideContext(publish("limiter.rate", "250"), a)
      yield* TestClock.adjust("10 millis")

      assert.strictEqual(Context.get(b, ConfigurationView).head("production", "limiter.rate")?.version, 1)
    }).pipe(Effect.scoped)
  )
})
// #endregion
