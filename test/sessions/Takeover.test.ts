/** Who has an instance, when sessions end late and nodes doubt each other. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import { FleetTables } from "../../layers/Memory/fleet/FleetTables.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { type Identity, system } from "../../src/access/Identity.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { ClientEvents } from "../../src/outbox/ClientEvents.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

const stored = Effect.flatMap(InstanceStore, (store) =>
  Effect.map(store.list({ limit: 10, keys: 10 }), ([row]) => [row?.state, row?.ending])
)

describe("taking an instance", () => {
  it.effect("S4 a session that was replaced while its actor ran does not take its successor along", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const [sink, later] = [new FakeSink(), new FakeSink()]
      let second: Effect.Success<ReturnType<(typeof sessions)["open"]>> | undefined
      sink.write = (update) => {
        // In the middle of the first one's own step: it can't end before the second is there.
        if (update.kind === "value") second ??= Effect.runSync(sessions.open(subscription(), later))
        return true
      }
      yield* publish({ value: "1" })
      const first = yield* sessions.open(subscription(), sink)
      yield* settle

      assert.strictEqual((yield* Deferred.await(first.ended)).name, "SessionReplaced")
      assert.isFalse(yield* Deferred.isDone(second!.ended))
      assert.strictEqual(sessions.size(), 1)
      assert.isTrue(yield* sessions.beat(subscription().client, system))
      yield* publish({ value: "2" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(later.contents.at(-1), "2")
      assert.deepStrictEqual(yield* stored, ["connected", ""])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S4 of an instance that connects again nobody is told that it left", () => {
    const types: Array<string> = []
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.open(subscription(), new FakeSink())
      yield* settle
      yield* sessions.open(subscription(), new FakeSink())
      yield* settle

      assert.deepStrictEqual(types, ["client_connect", "client_connect"])
    }).pipe(
      Effect.provide(sessionsWith({})),
      Effect.provideService(ClientEvents, { note: ({ type }) => types.push(type) })
    )
  })

  for (const [by, ending] of [
    ["another principal", "InstanceOwned"],
    ["the same one", "SessionReplaced"]
  ] as const)
    it.effect(
      `OW2 a session whose instance was taken for lost, and then by ${by} on another node, ends with ${ending}`,
      () => {
        const state = new State()
        const as = (name: string): Identity => ({ name, keyId: name, role: "subscriber", environments: ["*"] })
        return Effect.gen(function* () {
          const [sessions, store] = [yield* Sessions, yield* InstanceStore]
          const first = yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
          yield* TestClock.adjust("1 second")
          for (const [id, row] of state.tables(FleetTables).instances) {
            const owner = by === "another principal" ? "b" : "a"
            const { former: _, takenAt: __, goneAt: ___, life: ____, emptied: _____, ...note } = row
            state.tables(FleetTables).instances.set(id, { ...row, state: "timed_out", ending: "NodeLost" })
            const theirs = { ...note, owner, session: "other/1", node: "other", opening: true, empty: false }
            yield* store.write({ instances: [theirs], deliveries: [], held: [], health: [] })
          }
          yield* TestClock.adjust("3 seconds")

          assert.strictEqual((yield* Deferred.await(first.ended)).name, ending)
          assert.deepStrictEqual(yield* stored, ["connected", ""])
          const back = yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
          yield* store.write({
            instances: [...state.tables(FleetTables).instances.values()].map((row) => ({
              ...row,
              state: "disconnected" as const,
              ending: "Closed" as const,
              opening: false,
              empty: false
            })),
            deliveries: [],
            held: [],
            health: []
          })
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* Deferred.isDone(back.ended), false)
        }).pipe(Effect.provide(sessionsWith({}, Memory.layerOn(state))))
      }
    )

  it.effect("NO3 an instance that another node took for lost while its session lives is claimed back", () => {
    const state = new State()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const session = yield* sessions.open(subscription(), new FakeSink())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* stored, ["connected", ""])
      for (const [id, row] of state.tables(FleetTables).instances)
        state.tables(FleetTables).instances.set(id, { ...row, state: "timed_out", ending: "NodeLost" })
      assert.deepStrictEqual(yield* stored, ["timed_out", "NodeLost"])
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual(yield* stored, ["connected", ""])
      assert.isFalse(yield* Deferred.isDone(session.ended))
    }).pipe(Effect.provide(sessionsWith({}, Memory.layerOn(state))))
  })
})
