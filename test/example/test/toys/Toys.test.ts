import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import * as ToyStore from "../../layers/Memory/toys/ToyStore.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { makeKinds } from "../../src/propagation/Kind.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { toyKind } from "../../src/toys/Toy.ts"
import { Toys } from "../../src/toys/Toys.ts"
import { ToyView } from "../../src/toys/ToyView.ts"

/** Three at most, on a database in memory. */
const layer = Layer.unwrap(
  Effect.sync(() => {
    const state = new State()
    const stores = Layer.merge(
      Memory.layerOn(state),
      ToyStore.layer.pipe(Layer.provide(Layer.succeed(State.service, state)))
    )
    return Toys.layer({ largest: 3 }).pipe(
      Layer.provide(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
      Layer.provide([Views.layer(ToyView), Kinds.layer(toyKind)]),
      Layer.provide(ToyView.layer),
      Layer.provide([stores, Digests.layer])
    )
  })
)
const count = (to: number, idempotencyKey?: string) =>
  Effect.flatMap(Toys, (toys) => toys.count("production", "svc", to, { message: "test", idempotencyKey }))
const asSystem = Effect.provideService(CurrentIdentity, system)

describe("Toys", () => {
  it.effect("TY1 a count only grows", () =>
    Effect.gen(function* () {
      yield* count(2)
      const { name } = yield* Effect.flip(count(2))
      const { get } = yield* Toys

      assert.strictEqual(name, "VersionConflict")
      assert.strictEqual((yield* get("production", "svc")).count, 2)
    }).pipe(asSystem, Effect.provide(layer))
  )

  it.effect("TY2 a count is never larger than the settings allow", () =>
    Effect.gen(function* () {
      const { code } = yield* Effect.flip(count(4))

      assert.strictEqual(code, "HRLD-1999")
      assert.strictEqual((yield* count(3)).count, 3)
    }).pipe(asSystem, Effect.provide(layer))
  )

  it("others hear of a count under its word", () => {
    const { told } = makeKinds(toyKind)
    const toy = { kind: "toy", environment: "production", key: "svc", revision: 7n, count: 3 } as const

    assert.deepInclude(told(toy), { word: "toy", version: 3, value: "3", deleted: false })
  })

  it.effect("a count that comes again with its idempotency key is made once, and answered twice", () =>
    Effect.gen(function* () {
      const first = yield* count(2, "once")
      const again = yield* count(2, "once")

      assert.deepStrictEqual(again, first)
    }).pipe(asSystem, Effect.provide(layer))
  )

  it.effect("whoever may not write may not count", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(count(1))).name, "Unauthenticated")
    }).pipe(Effect.provide(layer))
  )
})
