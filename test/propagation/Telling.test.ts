import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Hub } from "../../layers/Memory/Hub.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import type { HintLane } from "../../src/propagation/HintLane.ts"
import { layerLane } from "../../src/propagation/HintLanes.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { propagationOn } from "../support/Twins.ts"
import { commit } from "./Harness.ts"

/** A node of its own on the same database. */
const node = (faults: Faults, shares: Layer.Layer<never>) =>
  Effect.map(
    Layer.build(Layer.fresh(propagationOn(faults, { cacheBytes: 0 })).pipe(Layer.provide(shares))),
    (context) => ({
      ...Context.get(context, ConfigurationView),
      ...Context.get(context, Propagation)
    })
  )

describe("what nodes tell each other", () => {
  it.effect("L1 a commit of one node is applied by another before any poll", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const a = yield* node(faults, hub.layerLane)
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      const revision = yield* commit("x")
      yield* a.committed(revision)
      yield* settle

      assert.strictEqual(b.position().revision, 1n)
      assert.strictEqual(b.head("production", "svc")?.version, 1)
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })

  it.effect("L1 a lane that hangs holds neither the publisher nor another lane up, and keeps a bounded backlog", () => {
    const faults = new Faults()
    const hub = new Hub()
    const told: Array<bigint> = []
    const hung: HintLane = {
      name: "hung",
      tell: ({ revision }) =>
        Effect.andThen(
          Effect.sync(() => told.push(revision)),
          Effect.never
        ),
      listen: () => Effect.void
    }
    const lanes = layerLane(Effect.succeed(hung)).pipe(Layer.provideMerge(hub.layerLane))
    return Effect.gen(function* () {
      const a = yield* node(faults, lanes)
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      for (let i = 0; i < 2_000; i++) yield* a.committed(yield* commit(String(i)))
      yield* settle

      assert.deepStrictEqual(told, [1n])
      assert.strictEqual(a.position().revision, 2_000n)
      yield* TestClock.adjust("500 millis")
      yield* settle
      assert.strictEqual(b.position().revision, 2_000n)
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })

  it.effect("L2 a message that a lane lost is read from the log", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const a = yield* node(faults, hub.layerLane)
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      const lost = yield* commit("lost")
      yield* a.hint(lost)
      yield* a.committed(yield* commit("told"))
      yield* settle

      assert.strictEqual(b.position().revision, 2n) // the gap is seen at once
      yield* a.hint(yield* commit("lost, too"))
      yield* settle
      assert.strictEqual(b.position().revision, 2n)
      yield* TestClock.adjust("500 millis")
      yield* settle
      assert.strictEqual(b.position().revision, 3n)
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })

  it.effect("L4 hints that carry nothing are followed at once, and cost a bounded number of questions", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      yield* TestClock.adjust("100 millis")
      yield* commit("x")
      const gap = Effect.sync(() => {
        for (const listener of hub.listeners) listener.gap()
      })
      yield* gap
      yield* settle
      assert.strictEqual(b.position().revision, 1n)
      const before = faults.polls
      for (let i = 0; i < 1_000; i++) yield* Effect.andThen(gap, TestClock.adjust("1 millis"))
      assert.isAtLeast(faults.polls - before, 10)
      assert.isAtMost(faults.polls - before, 30)
      yield* commit("y")
      yield* gap
      yield* TestClock.adjust("50 millis")
      yield* settle
      assert.strictEqual(b.position().revision, 2n)
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })
})
