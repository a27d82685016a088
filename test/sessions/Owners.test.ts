/** Whose an instance is, and how many sessions somebody may have. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Identity } from "../../src/access/Identity.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { instance } from "../support/Instance.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

describe("whose a session is", () => {
  const as = (name: string, keyId = name): Identity => ({ name, keyId, role: "subscriber", environments: ["*"] })

  it.effect(
    "OW1 OW3 another principal takes no connected instance and does not beat for it; the same one by another key does",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const first = yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
        const foreign = yield* Effect.flip(sessions.open(subscription({ identity: as("b") }), new FakeSink()))
        assert.strictEqual(foreign.name, "InstanceOwned")
        const beat = yield* Effect.flip(sessions.beat(first.subscription.client, as("b")))
        assert.strictEqual(beat.name, "InstanceOwned")
        assert.isFalse(yield* Deferred.isDone(first.ended))

        assert.isTrue(yield* sessions.beat(first.subscription.client, as("a", "second key")))
        const second = yield* sessions.open(subscription({ identity: as("a", "second key") }), new FakeSink())
        assert.strictEqual((yield* Deferred.await(first.ended)).name, "SessionReplaced")
        sessions.end(second, { name: "Closed", reason: "" })
        yield* settle
        const third = yield* sessions.open(subscription({ identity: as("b") }), new FakeSink())
        assert.isFalse(yield* Deferred.isDone(third.ended))
      }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("OW2 a session whose instance another node's client of another principal has ends with InstanceOwned", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const store = yield* InstanceStore
      const note = instance("svc", { session: "other/1", node: "other", owner: "a" })
      yield* store.write({ instances: [note], deliveries: [], held: [], health: [] })
      const session = yield* sessions.open(subscription({ identity: as("b") }), new FakeSink())
      yield* TestClock.adjust("1 second")
      yield* settle

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "InstanceOwned")
      assert.strictEqual(sessions.size(), 0)
      assert.deepInclude((yield* store.list({ limit: 10, keys: 10 }))[0], { session: "other/1", state: "connected" })
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("OW1 where instances are shared, whoever comes takes them, and that is kept", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const store = yield* InstanceStore
      const first = yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
      yield* sessions.open(subscription({ identity: as("b") }), new FakeSink())
      assert.strictEqual((yield* Deferred.await(first.ended)).name, "SessionReplaced")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* store.list({ limit: 10, keys: 10 }))[0]?.owner, "")
    }).pipe(Effect.provide(sessionsWith({ ownership: "shared" })))
  )

  it.effect(
    "QT1 refuses more sessions than the identity may have, QT2 and lets a client take its own place again",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* sessions.open(subscription({ instance: "1" }), new FakeSink())
        yield* sessions.open(subscription({ instance: "2" }), new FakeSink())

        const refused = yield* Effect.flip(sessions.open(subscription({ instance: "3" }), new FakeSink()))
        assert.strictEqual(refused.name, "TooManySubscriptions")
        const again = yield* sessions.open(subscription({ instance: "2" }), new FakeSink())
        yield* settle
        assert.isFalse(yield* Deferred.isDone(again.ended))
        const still = yield* Effect.flip(sessions.open(subscription({ instance: "3" }), new FakeSink()))
        assert.strictEqual(still.name, "TooManySubscriptions")
      }).pipe(Effect.provide(sessionsWith({ maxSessionsPerIdentity: 2 })))
  )
})
