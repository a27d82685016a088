/** What the cluster's placement makes of a store that has faults. What every placement must do: test/contracts/Placements.ts. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Clustered from "../../../../layers/Cluster/placement/Placement.ts"
import * as Memory from "../../../../layers/Memory/Memory.ts"
import { State } from "../../../../layers/Memory/State.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { Placement } from "../../../../src/placement/Placement.ts"
import { ShardStore } from "../../../../src/placement/ShardStore.ts"
import { Degraded, makeDegraded } from "../../../../src/telemetry/Degraded.ts"

type Store = ShardStore["Service"]

const NAMES = Array.from({ length: 120 }, (_, at) => `work-${at}`)

/** `faulty`: what the node sees of the store. */
const join = (state: State, node: string, faulty: (store: Store) => Store = (store) => store) =>
  Effect.gen(function* () {
    const store = Context.get(yield* Layer.build(Memory.layerOn(state)), ShardStore)
    const layer = Clustered.layer({ run: `run-${node}`, node }).pipe(
      Layer.provide(Layer.succeed(ShardStore, faulty(store)))
    )
    const placement = Context.get(yield* Layer.build(Layer.fresh(layer)), Placement)
    const doing = new Set<string>()
    for (const name of NAMES)
      yield* placement.single(
        name,
        Effect.acquireUseRelease(
          Effect.sync(() => doing.add(name)),
          () => Effect.never,
          () => Effect.sync(() => doing.delete(name))
        )
      )
    return { doing, placement }
  })

/** Lets time pass in steps until it holds; gives up after half a minute of it. */
const until = (what: string, holds: () => boolean) =>
  Effect.gen(function* () {
    for (let passed = 0; passed < 30_000; passed += 100) {
      if (holds()) return
      yield* TestClock.adjust(100)
    }
    assert.fail(`in vain: ${what}`)
  })

const unanswered = failure("DatabaseUnavailable", "the store is away")

describe("placement by the cluster", () => {
  it.effect("PC1 while the store is away the work rests, and it is back within two seconds after", () => {
    const degraded = makeDegraded()
    return Effect.gen(function* () {
      let away = false
      const { doing } = yield* join(new State(), "a", (store) => {
        const asked = <A>(effect: Effect.Effect<A, never>) => Effect.suspend(() => (away ? unanswered : effect))
        return ShardStore.of({
          ...store,
          members: (life) => asked(Effect.orDie(store.members(life))),
          claim: (...args) => asked(Effect.orDie(store.claim(...args))),
          keep: (...args) => asked(Effect.orDie(store.keep(...args))),
          release: (...args) => asked(Effect.orDie(store.release(...args)))
        })
      })
      for (const seconds of [3, 10]) {
        yield* until("all is done", () => doing.size === NAMES.length)
        away = true
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(doing.size, 0)
        yield* TestClock.adjust(`${seconds - 3} seconds`)
        if (seconds > 3) assert.deepStrictEqual([...degraded], ["placement"])
        away = false
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(doing.size, NAMES.length)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([...degraded], [])
      }
    }).pipe(Effect.scoped, Effect.provideService(Degraded, degraded))
  })

  it.effect("PC5 a store that never answers: the work rests before another node can have it", () =>
    Effect.gen(function* () {
      const state = new State()
      let deaf = false
      const a = yield* join(state, "a", (store) =>
        ShardStore.of({
          ...store,
          keep: (...args) => Effect.suspend(() => (deaf ? Effect.never : store.keep(...args)))
        })
      )
      yield* until("one does all", () => a.doing.size === NAMES.length)
      const b = yield* join(state, "b")
      yield* until("both do some", () => a.doing.size > 0 && a.doing.size + b.doing.size === NAMES.length)
      deaf = true
      for (let passed = 0; passed < 20_000; passed += 50) {
        yield* TestClock.adjust(50)
        assert.deepStrictEqual(
          [...a.doing].filter((name) => b.doing.has(name)),
          [],
          `after ${passed} ms`
        )
      }
      assert.strictEqual(b.doing.size, NAMES.length)
      deaf = false
      yield* until("both do some again", () => a.doing.size > 0 && a.doing.size + b.doing.size === NAMES.length)
    }).pipe(Effect.scoped)
  )

  it.effect("PC7 shards whose claim was never answered are not nobody's while the node lives", () =>
    Effect.gen(function* () {
      const state = new State()
      let lost = 0
      const a = yield* join(state, "a", (store) =>
        ShardStore.of({
          ...store,
          // Does it, and nobody hears of it.
          claim: (...args) =>
            Effect.flatMap(store.claim(...args), (taken) => (lost++ === 0 ? Effect.never : Effect.succeed(taken)))
        })
      )
      yield* until("the claim is done", () => lost === 1)
      const b = yield* join(state, "b")
      yield* until("all is done", () => a.doing.size + b.doing.size === NAMES.length)
      assert.isAbove(a.doing.size, 20)
      assert.isAbove(b.doing.size, 20)
    }).pipe(Effect.scoped)
  )

  it.effect("DG2 a node that may not take its share says so", () => {
    const degraded = makeDegraded()
    return Effect.gen(function* () {
      let refuses = true
      const { doing } = yield* join(new State(), "a", (store) =>
        ShardStore.of({
          ...store,
          claim: (...args) => Effect.suspend(() => (refuses ? unanswered : store.claim(...args)))
        })
      )
      yield* until("it says so", () => [...degraded].includes("placement"))
      refuses = false
      yield* until("it has its share", () => doing.size === NAMES.length)
      yield* until("it says so, too", () => degraded[Symbol.iterator]().next().done === true)
    }).pipe(Effect.scoped, Effect.provideService(Degraded, degraded))
  })

  it.effect("PC1 work is of who registered it: what the library is told to be silent about is not its", () =>
    Effect.gen(function* () {
      const state = new State()
      const { placement, doing } = yield* join(state, "a")
      yield* until("all is done", () => doing.size === NAMES.length)
      const scope = yield* Scope.make()
      let lines = 0
      yield* placement
        .single(
          "tells",
          Effect.andThen(
            Effect.logInfo("said by the work"),
            Effect.sync(() => void lines++)
          )
        )
        .pipe(Scope.provide(scope))
      yield* until("it spoke", () => lines === 1)
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.scoped)
  )
})
