import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Leases } from "../../src/leases/Leases.ts"
import * as Retention from "../../src/retention/Retention.ts"
import { RetentionStore, type Swept } from "../../src/retention/RetentionStore.ts"
import { pass as passIn } from "../support/Clock.ts"

const nothing: Swept = {
  revisions: 0,
  idempotencyKeys: 0,
  tombstones: 0,
  instances: 0,
  instanceKeys: 0,
  kinds: {},
  more: false
}
const keep = { keepMillis: 7 * 86_400_000, keepAtLeast: 10 }

/** A store that says what was asked of it; `step` may fail, or have more to do. */
const world = (step: (n: number) => Effect.Effect<Swept | undefined, ReturnType<typeof failure>>) => {
  const asked: Array<string> = []
  let steps = 0
  const note = <A>(what: string, answer: () => A) => {
    asked.push(what)
    return answer()
  }
  const store = Layer.succeed(RetentionStore, {
    makeAhead: () => Effect.sync(() => note("room", () => 2)),
    step: () => Effect.suspend(() => note("step", () => step(++steps))),
    drop: Effect.sync(() => note("drop", () => ({ dropped: 0, left: 0 })))
  })
  const layer = Retention.layer({ run: "a", ...keep }).pipe(
    Layer.provideMerge(store),
    Layer.provideMerge(Memory.layerOn(new State()))
  )
  return { asked, layer }
}
const pass = (seconds: number) => passIn(seconds * 1_000, seconds)

describe("Retention", () => {
  it.effect("RT1 a sweep goes on step by step until nothing is left, and rests in between", () => {
    const { asked, layer } = world((n) => Effect.succeed({ ...nothing, revisions: 1, more: n < 4 }))
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(asked, ["room", "step"]) // rests: others may work
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(asked, ["room", "step", "step"])
      yield* pass(1)
      assert.deepStrictEqual(asked, ["room", "step", "step", "step", "step", "drop"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("RT2 room is made although nothing can be removed, again and again", () => {
    const { asked, layer } = world(() => Effect.fail(failure("Timeout", "too slow")))
    return Effect.gen(function* () {
      yield* pass(180)
      assert.deepStrictEqual(asked, ["room", "step", "room", "step", "room", "step"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("LE1 a node that is overtaken takes no further step and drops nothing", () => {
    const { asked, layer } = world(() => Effect.succeed(undefined))
    return Effect.gen(function* () {
      yield* pass(61)
      assert.deepStrictEqual(asked, ["room", "step"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("RT1 one node sweeps", () => {
    const { asked, layer } = world(() => Effect.succeed(nothing))
    return Effect.gen(function* () {
      yield* Effect.flatMap(Leases, (leases) => leases.claim("retention", "another", 150_000))
      yield* pass(120)
      assert.deepStrictEqual(asked, [])
      yield* pass(60)
      assert.deepStrictEqual(asked, ["room", "step", "drop"])
    }).pipe(Effect.provide(layer))
  })
})
