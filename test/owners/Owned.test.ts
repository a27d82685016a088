/** Owners on the stores that nodes have, in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import * as Owners from "../../src/owners/Owners.ts"
import { Probe } from "../../src/owners/Probe.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Condition } from "../../src/rollouts/Evidence.ts"
import { Policies } from "../../src/rollouts/Policies.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { pass } from "../support/Clock.ts"
import type { instance } from "../support/Instance.ts"
import { change } from "../support/Release.ts"
import { plan, stage } from "../support/Rollouts.ts"
import { candidate, commit, startWish } from "../support/RolloutWishes.ts"
import { alive, instances, seen, seenOf, write } from "../support/Sightings.ts"
import { below, propagation } from "../support/Twins.ts"

/** As a node says it: nothing of what it heard waits. EE6 */
const telling = Layer.effectDiscard(write("run", []).pipe(Effect.delay("1 second"), Effect.forever, Effect.forkScoped))

const node = (state = new State()) =>
  Layer.merge(Owners.layer, telling).pipe(
    Layer.provide(Policies.layer),
    Layer.provide(Layer.mock(Probe, {})),
    Layer.provideMerge(Flags.layer),
    Layer.provideMerge(Layer.mock(Access, { stillValid: () => Effect.succeed(true) })),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(Memory.layerOn(state))),
    Layer.fresh
  )

const publish = (key: string, value: string) => told(commit([change(key, value)], { action: "publish" }))
const told = <E, R>(made: Effect.Effect<Effect.Success<ReturnType<typeof commit>>, E, R>) =>
  Effect.gen(function* () {
    const { revision } = yield* made
    yield* (yield* Propagation).hint(revision)
    return revision
  })

const rolloutOf = (key: string) =>
  Effect.flatMap(RolloutStore, (store) => Effect.map(store.find("production", key), (found) => found!))
const current = (key: string) =>
  Effect.flatMap(ConfigurationView, (view) =>
    Effect.map(view.value("production", key), (found) => [found?.value, found?.version])
  )

const sessionOf = (nth: number): Parameters<typeof instance> => [
  "svc",
  { instance: `web-${nth}`, session: `run/${nth + 1}`, node: "run", patterns: ["app"] }
]

/** Ten instances of the only node say how they are, and the node that these are all. */
const say = Effect.fnUntraced(function* (key: string, number: number, is: (nth: number) => Condition) {
  const rollout = yield* rolloutOf(key)
  yield* alive("run")
  const those = Array.from({ length: 10 }, (_, nth) =>
    seen(rollout, `run/${nth + 1}`, number, is(nth), { instance: `web-${nth}`, stage: rollout.stage })
  )
  yield* write("run", those, { seen: [seenOf(rollout)] })
})

/** A minute and a second, in each of which the only node says that nothing waits. EE6 */
const bake = Effect.repeat(Effect.andThen(write("run", []), pass(1_000)), { times: 60 })

const begin = Effect.gen(function* () {
  yield* publish("app", "1")
  yield* instances(...Array.from({ length: 10 }, (_, nth) => sessionOf(nth)))
  const { changes } = yield* told(
    commit([startWish([candidate("app", "2")], { plan: plan({ stages: [stage(50), stage(100)] }) })])
  )
  const { key } = changes[0]!
  yield* pass(1_000)
  assert.strictEqual((yield* rolloutOf(key)).state, "deploying")
  return key
})

describe("Owners, on stores", () => {
  it.effect("RQ4 RJ1 a good change becomes current under the number that it had as a candidate", () =>
    Effect.gen(function* () {
      const key = yield* begin
      for (const stage of [0, 1]) {
        yield* say(key, 2 * stage + 1, () => "applied")
        yield* pass(500)
        assert.deepInclude(yield* rolloutOf(key), { state: "baking", stage })
        assert.deepStrictEqual(yield* current("app"), ["1", 1])
        yield* say(key, 2 * stage + 2, () => "healthy")
        yield* bake
      }
      assert.strictEqual((yield* rolloutOf(key)).state, "completed")
      assert.deepStrictEqual(yield* current("app"), ["2", 2])
    }).pipe(Effect.provide(node()))
  )

  it.effect("RQ4 MV1 a bad one is taken back, and its number is never used again", () =>
    Effect.gen(function* () {
      const key = yield* begin
      yield* say(key, 1, () => "applied")
      yield* pass(500)
      yield* say(key, 2, (nth) => (nth < 3 ? "unhealthy" : "healthy"))
      yield* pass(500)
      const { state, why, by } = yield* rolloutOf(key)
      assert.strictEqual(state, "rolled_back")
      assert.strictEqual(by, "herald")
      assert.include(why.text, "unhealthy < 2%: 3 of 10")
      assert.deepStrictEqual(yield* current("app"), ["1", 1])
      yield* publish("app", "3")
      assert.deepStrictEqual(yield* current("app"), ["3", 3])
    }).pipe(Effect.provide(node()))
  )

  it.effect(
    "QR2 RQ3 a variant's share is raised by a version of its flag a stage, and taken back by the one of before",
    () =>
      Effect.gen(function* () {
        const before = '{"enabled":true,"percentage":0.5,"targetUsers":["ann"]}'
        const flags = yield* Flags
        const draft = { environment: "production", key: "checkout", definition: before }
        yield* Effect.provideService(flags.publish(draft, { message: "" }), CurrentIdentity, system)
        const now = Effect.map(FlagView, (view) => view.find("production", "checkout")?.definition)
        const versions: Array<string | undefined> = [yield* now]
        const raise = { ...plan({ stages: [stage(1), stage(25), stage(50)] }), raise: { variant: "on" } }
        const start = startWish([], {
          plan: raise,
          candidates: [
            { kind: "flag", key: "checkout", digest: "", bytes: 0, base: 1, strict: false, template: false, wish: "" }
          ]
        })
        const begin = Effect.gen(function* () {
          const { key } = (yield* told(commit([start]))).changes[0]!
          yield* pass(1_000)
          versions.push(yield* now)
          return key
        })
        const key = yield* begin
        for (const nth of [0, 1]) {
          yield* say(key, 2 * nth + 1, () => "applied")
          yield* pass(500)
          yield* say(key, 2 * nth + 2, () => "healthy")
          yield* bake
          versions.push(yield* now)
        }
        yield* say(key, 9, (nth) => (nth < 3 ? "unhealthy" : "healthy"))
        yield* pass(1_000)
        assert.strictEqual((yield* rolloutOf(key)).state, "rolled_back")
        versions.push(yield* now)
        const at = (percentage: number) => before.replace("0.5", String(percentage))
        assert.deepStrictEqual(versions, [before, at(1), at(25), at(50), before])
      }).pipe(Effect.provide(node()))
  )
})
