import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { TestClock } from "effect/testing"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Cache from "../../layers/Memory/configuration/Cache.ts"
import { State } from "../../layers/Memory/State.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import type { View } from "../../src/propagation/View.ts"
import { measured } from "../../src/propagation/Views.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { change, release } from "../support/Release.ts"
import { memoryToys, propagation, ToyTold, ToyView, toy } from "../support/Toy.ts"
import { listen } from "./Harness.ts"

const poll = TestClock.adjust("500 millis")

const stores = (faults: Faults) =>
  Layer.merge(faults.layer(false), memoryToys.pipe(Layer.provide(Layer.succeed(State.service, faults.state))))
const layer = (faults: Faults) =>
  propagation.pipe(
    Layer.provideMerge(Layer.mergeAll(stores(faults), Cache.layer({ maxBytes: 1_000_000 }), Digests.layer))
  )

/** A configuration and a count, in one transaction. */
const commit = (n: number, key = "svc") =>
  Effect.flatMap(Commits, (commits) =>
    commits.commit<Change>({ ...release([]), changes: [change(key, String(n)), toy(key, n)] })
  ).pipe(Effect.map(({ revision }) => revision))

const seen = Effect.gen(function* () {
  const [configurations, toys] = [yield* ConfigurationView, yield* ToyView]
  const head = configurations.head("production", "svc")
  return [head?.version, toys.find("production", "svc")?.count]
})

describe("views", () => {
  it.effect("VW4 what is there of each kind is counted, without what is deleted", () =>
    Effect.gen(function* () {
      const view = (kind: string, count?: number) =>
        ({ kind, ...(count === undefined ? {} : { count: () => count }) }) as View
      yield* measured([view("configuration", 3), view("flag", 0), view("toy")])
      yield* TestClock.adjust("5 seconds")
      yield* settle
      const counted = (yield* Metric.snapshot).flatMap(({ id, attributes, state }) =>
        id === "herald_view_entries" ? [[attributes?.["kind"], (state as { value: number }).value]] : []
      )
      assert.deepStrictEqual(Object.fromEntries(counted), { configuration: 3, flag: 0 })
      const { count } = yield* ConfigurationView
      for (const one of [change("a", "1"), change("b", "1"), change("a", null)]) {
        const { revision } = yield* Effect.flatMap(Commits, (commits) => commits.commit(release([one])))
        yield* Effect.flatMap(Propagation, ({ hint }) => hint(revision))
      }
      assert.strictEqual(count?.(), 1)
    }).pipe(Effect.scoped, Effect.provide(layer(new Faults())), Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("VW1 whoever hears of a revision finds all its changes applied, each in the view of its kind", () =>
    Effect.gen(function* () {
      const node = yield* Propagation
      const heard: Array<ReadonlyArray<number | undefined>> = []
      const events = yield* node.events
      yield* events.pipe(
        Effect.andThen(seen),
        Effect.map((now) => heard.push(now)),
        Effect.forever,
        Effect.forkScoped
      )
      const [one, two] = [yield* commit(1), yield* commit(2)]
      yield* node.hint(two) // overtook
      yield* node.hint(one)
      yield* settle
      yield* commit(3) // from the log
      yield* poll
      yield* settle

      assert.deepStrictEqual(heard.at(-1), [3, 3])
      assert.isTrue(heard.every(([version, count]) => version === count))
      assert.strictEqual(node.position().revision, 3n)
    }).pipe(Effect.scoped, Effect.provide(layer(new Faults())))
  )

  it.effect("VW1 P6 views begin together, with what was committed while one of them still read", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      for (const n of [1, 2]) yield* commit(n)
      let pages = 0
      const committing = yield* Commits
      faults.afterPage = () =>
        Effect.suspend(() => (++pages > 1 ? Effect.void : Effect.provideService(commit(3), Commits, committing)))
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* seen, [3, 3])
        assert.strictEqual((yield* Propagation).position().revision, 3n)
      }).pipe(Effect.provide(layer(faults)))
    }).pipe(Effect.provide(stores(faults)))
  })

  it.effect("VW2 while views are read again, those of before are served; then all are new at once", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const node = yield* Propagation
      yield* node.hint(yield* commit(1))
      faults.pages.closeUnsafe()
      for (const n of [2, 3, 4]) yield* commit(n)
      faults.sweep(2) // what the log has left does not go on from the view
      yield* poll
      yield* settle
      const during = [yield* seen, node.position().revision]
      faults.pages.openUnsafe()
      yield* settle

      assert.deepStrictEqual(during, [[1, 1], 1n])
      assert.deepStrictEqual(yield* seen, [4, 4])
      assert.strictEqual(node.position().revision, 4n)
    }).pipe(Effect.provide(layer(faults)))
  })

  it.effect("P8 every view is told how far the log is gone, and who committed tells others of its own kind", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const node = yield* Propagation
      const told = yield* ToyTold
      yield* node.committed(yield* commit(1))
      yield* node.hint(yield* commit(2))
      faults.sweep(1)
      yield* TestClock.adjust("1 minute")
      yield* settle

      assert.deepStrictEqual(told.committed, [1n])
      assert.strictEqual(told.forgotten, 1n)
    }).pipe(Effect.provide(layer(faults)))
  })

  it.effect(
    "VW3 a view that throws fails no publisher; the revision is told when it could be applied, and in its order",
    () =>
      Effect.gen(function* () {
        const [node, told] = [yield* Propagation, yield* ToyTold]
        const heard = yield* listen
        told.throws = 2 // as it is applied, and as others should be told
        yield* node.committed(yield* commit(1))
        yield* node.committed(yield* commit(2))
        const before = [node.position().revision, [...heard]]
        yield* poll
        yield* poll
        yield* settle
        told.throws = 0
        yield* node.hint(yield* commit(3))
        told.throws = 1
        yield* node.committed(yield* commit(3, "told"))

        assert.deepStrictEqual(before, [0n, []])
        yield* settle
        assert.deepStrictEqual(heard, ["1", "2", "3", "4"])
        assert.deepStrictEqual(yield* seen, [3, 3])
      }).pipe(Effect.scoped, Effect.provide(layer(new Faults())))
  )

  it.effect("VW3 the views behind one that throws are told of what was committed, too", () =>
    Effect.gen(function* () {
      const [node, told] = [yield* Propagation, yield* ToyTold]
      const { revision } = yield* Effect.flatMap(Commits, (commits) =>
        commits.commit<Change>({ ...release([]), changes: [toy("one", 1), toy("two", 1)] })
      )
      yield* node.hint(revision)
      told.throws = 1
      yield* node.committed(revision)

      assert.deepStrictEqual(told.committed, [1n])
    }).pipe(Effect.provide(layer(new Faults())))
  )

  it.effect("KI2 a revision of a kind that this node does not know moves the position, and nothing else", () =>
    Effect.gen(function* () {
      const node = yield* Propagation
      yield* node.hint(yield* commit(1))
      const next = { ...(yield* commit(2)), changes: [{ kind: "flag", environment: "production", key: "svc" }] }
      yield* node.hint(next)

      assert.strictEqual(node.position().revision, 2n)
      assert.deepStrictEqual(yield* seen, [1, 1])
    }).pipe(Effect.provide(layer(new Faults())))
  )
})
