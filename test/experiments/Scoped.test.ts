/** Experiments, for whoever may touch some keys and kinds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Experiments } from "../../src/experiments/Experiments.ts"
import { FlagHolds } from "../../src/flags/FlagHolds.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { below, propagation } from "../support/Twins.ts"

const node = Layer.suspend(() =>
  Experiments.layer({ keepReportsMillis: 3_600_000 }).pipe(
    Layer.provideMerge(Layer.mergeAll(Flags.layer, FlagHolds.layer)),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(Memory.layer))
  )
)
const environment = "production"
const asSystem = Effect.provideService(CurrentIdentity, system)
const narrowed = (keys: ReadonlyArray<string>, kinds?: Identity["kinds"]) =>
  Effect.provideService(CurrentIdentity, {
    ...{ name: "pay", keyId: "p", role: "publisher" as const, environments: ["*"], keys },
    ...(kinds === undefined ? {} : { kinds })
  })
const publish = (key: string) =>
  Effect.flatMap(Flags, (flags) => flags.publish({ environment, key, definition: '{"enabled":true}' }, { message: "" }))
const start = (key: string, flag: string) =>
  Effect.flatMap(Experiments, ({ start }) =>
    start(
      {
        ...{ environment, key, flag, split: true, traffic: 100, where: undefined, layer: "", alpha: 0.05 },
        arms: [
          { variant: "off", share: 1 },
          { variant: "on", share: 1 }
        ],
        metrics: [{ kind: "conversion", event: "buy" }]
      },
      { message: "why" }
    )
  )
const stop = (key: string) =>
  Effect.flatMap(Experiments, ({ stop }) =>
    stop(environment, key, { winner: undefined, serve: undefined, message: "done" })
  )
const nameOf = <A, R>(refused: Effect.Effect<A, HeraldError, R>) => Effect.map(Effect.flip(refused), ({ name }) => name)

describe("experiments for whoever may touch some keys", () => {
  it.effect("XG4 they are begun, stopped and seen by whoever may touch experiments on the flag, and the flag", () =>
    Effect.gen(function* () {
      const experiments = yield* Experiments
      const [pay, flagsAlone] = [narrowed(["pay.*"]), narrowed(["pay.*"], ["flag"])]
      for (const key of ["pay.a", "other"]) yield* asSystem(publish(key))
      yield* asSystem(start("theirs", "other"))
      assert.strictEqual(yield* nameOf(pay(start("second", "other"))), "Forbidden")
      assert.strictEqual(yield* nameOf(pay(start("theirs", "pay.a"))), "Forbidden")
      assert.strictEqual(yield* nameOf(flagsAlone(start("mine", "pay.a"))), "Forbidden")
      assert.strictEqual(yield* nameOf(narrowed(["pay.*"], ["experiment"])(start("mine", "pay.a"))), "Forbidden")
      yield* pay(start("mine", "pay.a"))
      const options = { limit: 10, after: "", state: undefined, flag: undefined }
      const keys = Effect.map(experiments.list(environment, options), (all) => all.map(({ key }) => key))
      assert.deepStrictEqual(yield* pay(keys), ["mine"])
      assert.deepStrictEqual(yield* asSystem(keys), ["mine", "theirs"])
      for (const asked of [
        experiments.get(environment, "theirs"),
        experiments.history(environment, "theirs", { limit: 1, before: undefined }),
        experiments.results(environment, "theirs"),
        stop("theirs")
      ])
        assert.strictEqual(yield* nameOf(pay(asked as Effect.Effect<unknown, HeraldError, Experiments>)), "NotFound")
      assert.notInclude((yield* Effect.flip(pay(experiments.get(environment, "theirz")))).message, "theirs")
      yield* pay(experiments.results(environment, "mine"))
      yield* pay(stop("mine"))
    }).pipe(Effect.provide(node))
  )
})
