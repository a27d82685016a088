import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Identity } from "../../src/access/Identity.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { type HealthReport, HealthReports } from "../../src/sessions/HealthReports.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { instance } from "../support/Instance.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

const as = (name: string): Identity => ({ name, keyId: name, role: "subscriber", environments: ["*"] })
const layer = HealthReports.layer("principal").pipe(Layer.provideMerge(sessionsWith({})))
const report = (name: string, changed: Partial<HealthReport> = {}) =>
  Effect.flatMap(HealthReports, ({ report }) =>
    report(
      {
        ...{ environment: "production", service: "svc", instance: "i1", epoch: "", revision: 0n, health: "healthy" },
        ...{ message: name, metrics: {} },
        ...changed
      } as HealthReport,
      as(name)
    )
  )
const outcome = (name: string, changed: Partial<HealthReport> = {}) =>
  report(name, changed).pipe(
    Effect.as("taken"),
    Effect.catch((error) => Effect.succeed(error.name))
  )
const stored = Effect.flatMap(InstanceStore, (store) => store.list({ limit: 10, keys: 0 })).pipe(
  Effect.map(([row]) => row?.health?.message)
)

describe("HealthReports", () => {
  it.effect("HR3 only of revisions that exist in the present history", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const propagation = yield* Propagation
      yield* publish({ value: "a" })
      yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
      const { epoch, revision } = propagation.position()

      assert.strictEqual(yield* outcome("a", { revision, epoch }), "taken")
      assert.strictEqual(yield* outcome("a", { revision }), "taken")
      assert.strictEqual(yield* outcome("a", { revision: revision + 1n, epoch }), "InvalidInput")
      assert.strictEqual(yield* outcome("a", { revision, epoch: "another" }), "InvalidInput")
      assert.strictEqual(yield* outcome("a", { revision: -1n }), "InvalidInput")
    }).pipe(Effect.provide(layer))
  )

  it.effect("HR2 what does not fit is cut, cleaned or left out, and the time is the server's", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* TestClock.adjust("7 millis")
      yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
      yield* report("a", {
        message: `a\u0000${"m".repeat(2_000)}`,
        metrics: { ["n".repeat(200)]: 1, load: 0.5, bad: Number.NaN, worse: Number.POSITIVE_INFINITY }
      })
      yield* TestClock.adjust("1 second")
      const store = yield* InstanceStore
      const [row] = yield* store.list({ limit: 10, keys: 0 })

      assert.strictEqual(row?.health?.message, `a\ufffd${"m".repeat(1_022)}`)
      assert.deepStrictEqual(row?.health?.metrics, { ["n".repeat(128)]: 1, load: 0.5 })
      assert.strictEqual(row?.health?.reportedAt, 7)
    }).pipe(Effect.provide(layer))
  )

  it.effect("HR3 OW1 only for an instance that is connected, by its principal, at this node or another", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const store = yield* InstanceStore
      assert.strictEqual(yield* outcome("a"), "InstanceNotConnected")
      yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
      assert.strictEqual(yield* outcome("b"), "InstanceOwned")
      assert.strictEqual(yield* outcome("a"), "taken")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* stored, "a")

      const there = instance("there", { session: "other/1", owner: "a" })
      yield* store.write({ instances: [there], deliveries: [], held: [], health: [] })
      assert.strictEqual(yield* outcome("b", { service: "there" }), "InstanceOwned")
      assert.strictEqual(yield* outcome("a", { service: "there" }), "taken")
      const gone = { ...there, state: "disconnected", ending: "Closed", opening: false } as const
      yield* store.write({ instances: [gone], deliveries: [], held: [], health: [] })
      assert.strictEqual(yield* outcome("a", { service: "there" }), "InstanceNotConnected")
    }).pipe(Effect.provide(layer))
  )
})
