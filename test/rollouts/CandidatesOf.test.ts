import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import * as CandidatesOf from "../../src/rollouts/CandidatesOf.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { RolloutView } from "../../src/rollouts/RolloutView.ts"
import { Candidates } from "../../src/updates/Candidates.ts"
import { anybody } from "../../src/updates/Client.ts"
import { NOW, rollout } from "../support/Rollouts.ts"

const ALL = 2 ** 32
const client = { environment: "production", service: "app", instance: "web-1", labels: {} }

/** The port on rollouts that a test tells it of. */
const told = (
  known: Array<Rollout>,
  candidate: (rollout: string) => Effect.Effect<string | undefined, HeraldError>
) => {
  let tell: (changed: Rollout | undefined) => void = () => {}
  let forgot: (horizon: bigint) => void = () => {}
  const view = Layer.mock(RolloutView, {
    kind: "rollout",
    apply: () => {},
    committed: () => {},
    forget: () => {},
    of: () => assert.fail("it has what it was told"),
    find: (_, key) => known.find((one) => one.key === key),
    active: () => assert.fail("it has what it was told"),
    all: () => known,
    listen: (listener, forgetter) => {
      tell = listener
      forgot = forgetter!
      return () => {}
    }
  })
  const store = Layer.mock(RolloutStore, { candidate: (_, key) => candidate(key) })
  return {
    layer: CandidatesOf.layer.pipe(Layer.provide([view, store])),
    tell: (changed: Rollout | undefined) => tell(changed),
    forgot: (horizon: bigint) => forgot(horizon)
  }
}
const none = () => Effect.undefined
const at = (revision: bigint, more: Partial<Rollout> = {}): Rollout =>
  rollout({ key: `r${revision}`, revision, begun: [{ revision, at: NOW, below: ALL }], ...more })

describe("CandidatesOf", () => {
  it.effect("CQ2 a key that no rollout is of is looked for by its name alone, whatever the client is called", () => {
    const others = Array.from({ length: 20 }, (_, n) =>
      at(BigInt(n + 1), { targets: [{ ...rollout().targets[0]!, key: `other-${n}` }] })
    )
    const explosive = Object.defineProperty({ ...client }, "instance", { get: () => assert.fail("it was hashed") })
    return Effect.gen(function* () {
      const candidates = yield* Candidates
      assert.isFalse(candidates.concerns("configuration", "production", "app"))
      assert.isUndefined(candidates.of("configuration", explosive, "app"))
      assert.isUndefined(candidates.of("flag", explosive, "other-1"))
      assert.isUndefined(candidates.of("configuration", { ...client, environment: "staging" }, "other-1"))
      assert.isTrue(candidates.concerns("configuration", "production", "other-1"))
      assert.isTrue(candidates.concernsAny("configuration", "production"))
      assert.isFalse(candidates.concernsAny("flag", "production"))
      assert.lengthOf(candidates.keys("configuration", "production"), 20)
      assert.strictEqual(candidates.keys("configuration", "production"), candidates.keys("configuration", "production"))
    }).pipe(Effect.provide(told(others, none).layer))
  })

  it.effect("CZ1 the active rollout counts, else the last that was taken back; a completed one is none", () => {
    const known = [at(10n, { state: "rolled_back" })]
    const { layer, tell } = told(known, none)
    return Effect.gen(function* () {
      const { of, keys } = yield* Candidates
      const found = () => of("configuration", client, "app")
      assert.deepStrictEqual(found(), { revision: 10n, committedAt: NOW })
      assert.deepStrictEqual(keys("configuration", "production"), [])
      tell(at(20n))
      assert.deepInclude(found(), { rollout: "r20", revision: 20n })
      const first = found()
      tell(at(20n, { revision: 22n, state: "paused", key: "r20" }))
      assert.strictEqual(found(), first) // the same object for all that came in with it
      tell(at(10n, { state: "rolled_back" }))
      assert.strictEqual(found(), first)
      tell(at(20n, { revision: 23n, state: "aborted", key: "r20" }))
      assert.deepStrictEqual(found(), { revision: 23n, committedAt: NOW })
      tell(at(30n))
      tell(at(30n, { revision: 31n, state: "completed", key: "r30" }))
      assert.isUndefined(found())
      // What is over and has another target besides is known for that one, in whichever order.
      const later = at(36n, { state: "rolled_back" })
      const former = at(35n, { state: "rolled_back" })
      for (const both of [
        [former, later],
        [later, former]
      ]) {
        known.splice(0, known.length, ...both)
        tell(undefined)
        assert.deepStrictEqual(found(), { revision: 36n, committedAt: NOW })
      }
      known.splice(0, 2, at(40n))
      tell(undefined)
      assert.deepInclude(found(), { rollout: "r40" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("P8 of one that never began nothing is kept, and of one that is forgotten neither", () => {
    const known: Array<Rollout> = []
    const { layer, tell, forgot } = told(known, none)
    return Effect.gen(function* () {
      const { concerns } = yield* Candidates
      const isThere = () => concerns("configuration", "production", "app")
      for (const state of ["scheduled", "aborted"] as const) tell(at(10n, { state, begun: [] }))
      assert.isFalse(isThere())
      known.push(at(20n, { state: "rolled_back" }))
      tell(known[0])
      forgot(100n)
      assert.isTrue(isThere())
      known.pop()
      forgot(19n)
      assert.isTrue(isThere())
      forgot(20n)
      assert.isFalse(isThere())
    }).pipe(Effect.provide(layer))
  })

  it.effect(
    "RQ2 S2 nobody in particular is in none, and who is in none has what is current since the last was taken back",
    () => {
      const targets = [{ ...rollout().targets[0]!, since: 7n }]
      const out = at(20n, { targets, begun: [{ revision: 20n, at: NOW, below: 0 }] })
      return Effect.gen(function* () {
        const { of } = yield* Candidates
        assert.isUndefined(of("configuration", anybody("production"), "app"))
        assert.deepInclude(of("configuration", client, "app"), { revision: 7n })
      }).pipe(Effect.provide(told([out], none).layer))
    }
  )

  it.effect("RQ2 a rollout whose stages make versions has no candidate", () => {
    const targets = [{ ...rollout().targets[0]!, kind: "flag" as const, version: 0, digest: "" }]
    return Effect.gen(function* () {
      const { of, concerns, touched } = yield* Candidates
      assert.isFalse(concerns("flag", "production", "app"))
      assert.isUndefined(of("flag", client, "app"))
      assert.deepStrictEqual(touched("flag", at(20n, { targets })), [])
      assert.deepStrictEqual(touched("configuration", at(20n)), ["app"])
      assert.deepStrictEqual(
        touched("configuration", { kind: "configuration", environment: "production", key: "app" }),
        []
      )
    }).pipe(Effect.provide(told([at(20n, { targets })], none).layer))
  })

  it.effect("CZ2 it is read once for all who ask meanwhile, and what was of a lost history is kept for nobody", () => {
    const gate = Deferred.makeUnsafe<string>()
    let [reads, answer] = [0, Deferred.await(gate) as Effect.Effect<string | undefined>]
    const { layer, tell } = told([at(20n)], () =>
      Effect.suspend(() => {
        reads++
        return answer
      })
    )
    return Effect.gen(function* () {
      const { wish } = yield* Candidates
      const ask = wish("configuration", "production", "app", "r20")
      const [one, two] = [yield* Effect.forkChild(ask), yield* Effect.forkChild(ask)]
      yield* Effect.yieldNow
      yield* Fiber.interrupt(one)
      tell(undefined)
      Deferred.doneUnsafe(gate, Effect.succeed("before"))
      assert.strictEqual(yield* Fiber.join(two), "before")
      assert.strictEqual(reads, 1)
      answer = Effect.succeed("after")
      assert.deepStrictEqual([yield* ask, yield* ask, reads], ["after", "after", 2])
      answer = Effect.undefined
      tell(undefined)
      assert.deepStrictEqual([yield* ask, yield* ask, reads], [undefined, undefined, 4])
    }).pipe(Effect.provide(layer))
  })
})
