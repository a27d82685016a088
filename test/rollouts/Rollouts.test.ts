import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import type { Identity } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { as, asSystem, draft, node, publish, wanted } from "./Node.ts"

const why = { message: "why" }
const viewer: Identity = { name: "viewer", keyId: "v", role: "viewer", environments: ["*"] }
const elsewhere: Identity = { name: "pub", keyId: "p", role: "publisher", environments: ["staging"] }

const start = (more: Parameters<typeof wanted>[0], options: { readonly message: string } = why) =>
  Effect.flatMap(Rollouts, (rollouts) => rollouts.start(wanted(more), options))
const current = (key: string) =>
  Effect.flatMap(Configurations, (configurations) =>
    Effect.map(configurations.get("production", key, "strong"), ({ configuration }) => configuration)
  )
const names = (error: { readonly name: string }) => error.name

describe("Rollouts", () => {
  it.effect(
    "XR1 what a publish would refuse is refused when it is begun, in the same words, and nothing is written",
    () => {
      const state = new State()
      return Effect.gen(function* () {
        const rollouts = yield* Rollouts
        yield* publish(
          draft("n", "1", { type: "number" }),
          draft("s", '{"a":1}', { type: "json", schema: { required: ["a"] } })
        )
        const head = state.head
        for (const wrong of [
          draft("n", "x"),
          draft("s", '{"b":1}'),
          draft("t", "{{missing}}"),
          draft("n", "2", { expectedVersion: 7 }),
          draft("bad key", "1"),
          draft("n", null),
          draft("herald.variables", "{}"),
          draft("n", "2", { environment: "staging" })
        ]) {
          const refused = yield* Effect.flip(start({ changes: [wrong] }))
          const dry = yield* Effect.flip(rollouts.validate(wanted({ changes: [wrong] })))
          assert.deepStrictEqual([dry.name, dry.message], [refused.name, refused.message], wrong.key)
        }
        for (const flags of [
          [{ environment: "production", key: "f", definition: '{"state":"?"}' }],
          [{ environment: "production", key: "f", definition: null }]
        ])
          assert.include(["InvalidFlag", "InvalidInput"], names(yield* Effect.flip(start({ flags }))))
        assert.strictEqual(names(yield* Effect.flip(start({}))), "NothingChanged")
        assert.strictEqual(
          names(yield* Effect.flip(start({ changes: [draft("n", "2"), draft("n", "3")] }))),
          "InvalidInput"
        )
        assert.strictEqual(
          names(yield* Effect.flip(start({ changes: [draft("n", "2")], plan: { stages: "x" } }))),
          "InvalidPlan"
        )
        assert.strictEqual(
          names(yield* Effect.flip(start({ changes: [draft("n", "2")], plan: "careful" }))),
          "NotFound"
        )
        assert.strictEqual(state.head, head)
      }).pipe(asSystem, Effect.provide(node({ state })))
    }
  )

  it.effect("XR1 what was checked is what its completion makes current, and under the number of the candidate", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      yield* publish(draft("a", "one"))
      const { rollout, replayed } = yield* start({ changes: [draft("a", "two")] })
      assert.isFalse(replayed)
      assert.strictEqual(rollout.state, "scheduled")
      assert.deepStrictEqual(
        rollout.targets.map(({ kind, key, base, version }) => [kind, key, base, version]),
        [["configuration", "a", 1, 2]]
      )
      assert.strictEqual((yield* current("a")).value, "one")
      const done = yield* rollouts.move("production", rollout.key, "promote to all", why)
      assert.strictEqual(done.rollout.state, "completed")
      const { value, version } = yield* current("a")
      assert.deepStrictEqual([value, version], ["two", 2])
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("XR1 what a version of before said is rolled out as it was, of keys and of flags", () =>
    Effect.gen(function* () {
      const [store, flags] = [yield* RolloutStore, yield* Flags]
      yield* publish(draft("a", "one"))
      yield* publish(draft("a", "two"))
      const flag = (percentage: number) => ({
        environment: "production",
        key: "f",
        definition: JSON.stringify({ enabled: true, percentage })
      })
      yield* flags.publish(flag(10), why)
      yield* flags.publish(flag(20), why)
      const { rollout } = yield* start({
        again: [
          { kind: "configuration", key: "a", version: 1 },
          { kind: "flag", key: "f", version: 1 }
        ]
      })
      const candidates = yield* Effect.forEach(rollout.targets, (target) =>
        store.candidate("production", rollout.key, target)
      )
      assert.strictEqual((JSON.parse(candidates[0]!) as { readonly value: string }).value, "one")
      assert.strictEqual(
        (JSON.parse(candidates[1]!) as { readonly definition: string }).definition,
        flag(10).definition
      )
      const missing = yield* Effect.flip(start({ again: [{ kind: "configuration", key: "b", version: 1 }] }))
      assert.strictEqual(missing.name, "NotFound")
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect(
    "XR2 it begins only in place of the version that it was checked against, and is checked again where that changed",
    () => {
      const state = new State()
      return Effect.gen(function* () {
        yield* publish(draft("a", "one"))
        const named = yield* Effect.flip(start({ changes: [draft("a", "two", { expectedVersion: 4 })] }))
        assert.strictEqual(named.name, "VersionConflict")
        const { rollout } = yield* start({ changes: [draft("a", "two", { expectedVersion: 1 })] })
        assert.strictEqual(rollout.targets[0]!.base, 1)
        const locked = yield* Effect.flip(publish(draft("a", "three")))
        assert.strictEqual(locked.name, "InRollout")
        const second = yield* Effect.flip(start({ changes: [draft("a", "four")] }))
        assert.strictEqual(second.name, "InRollout")
      }).pipe(asSystem, Effect.provide(node({ state })))
    }
  )

  it.effect("who may publish in an environment may begin, move and end a rollout there, and nobody else", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const { rollout } = yield* asSystem(start({ changes: [draft("a", "one")] }))
      const raise = {
        again: [{ kind: "flag", key: "f", version: undefined } as const],
        plan: { stages: "1%", raise: "on" }
      }
      for (const who of [viewer, elsewhere]) {
        for (const asked of [{ changes: [draft("b", "one")] }, raise])
          assert.strictEqual(names(yield* Effect.flip(as(who)(start(asked)))), "Forbidden")
        for (const asked of ["pause", "abort", "promote"] as const)
          assert.strictEqual(
            names(yield* Effect.flip(as(who)(rollouts.move("production", rollout.key, asked, why)))),
            "Forbidden"
          )
      }
      const all = rollouts.instances("production", rollout.key, { limit: 1, after: undefined, is: undefined })
      assert.strictEqual(names(yield* Effect.flip(as({ ...viewer, role: "subscriber" })(all))), "Forbidden")
      assert.strictEqual((yield* as(viewer)(rollouts.get("production", rollout.key))).rollout.key, rollout.key)
      assert.strictEqual(names(yield* Effect.flip(as(elsewhere)(rollouts.get("production", rollout.key)))), "Forbidden")
      assert.strictEqual(
        (yield* as(viewer)(
          rollouts.list("production", { limit: 10, before: "", state: "active", touching: undefined })
        )).length,
        1
      )
    }).pipe(Effect.provide(node()))
  )

  it.effect(
    "XR3 a file is applied once; a changed one is refused while it is under way, and begins another when that is over",
    () =>
      Effect.gen(function* () {
        const rollouts = yield* Rollouts
        const file = (value: string, stages = "10%,100%") =>
          rollouts.apply(wanted({ changes: [draft("a", value)], plan: { stages }, file: "checkout" }), why)
        const first = yield* file("one")
        assert.deepStrictEqual(yield* file("one"), { rollout: first.rollout, replayed: true })
        const other = yield* Effect.flip(file("two"))
        assert.deepStrictEqual([other.name, other.message.includes("what it changes")], ["RolloutDiffers", true])
        assert.include((yield* Effect.flip(file("one", "50%,100%"))).message, "other stages")
        yield* rollouts.move("production", first.rollout.key, "abort", why)
        assert.deepStrictEqual((yield* file("one")).rollout.state, "aborted")
        const second = yield* file("two")
        assert.deepStrictEqual([second.replayed, second.rollout.key === first.rollout.key], [false, false])
      }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("XR4 whoever waits is answered when there is something new, and at the end of the time", () => {
    const changed = new Map<string, bigint>()
    let reads = 0
    return Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const { rollout } = yield* start({ changes: [draft("a", "one")] })
      yield* rollouts.move("production", rollout.key, "promote", why)
      const { seen } = yield* rollouts.get("production", rollout.key)
      const before = reads
      const waits = yield* Effect.forkChild(rollouts.news("production", rollout.key, seen, 10_000))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(reads, before)
      changed.set(`production/${rollout.key}`, 1n)
      yield* TestClock.adjust("1 second")
      const found = yield* Fiber.join(waits)
      assert.notStrictEqual(found.seen, seen)
      assert.strictEqual(reads, before + 1)
      const until = yield* Effect.forkChild(rollouts.news("production", rollout.key, found.seen, 2_000))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(until)).seen, found.seen)
      const moved = yield* Effect.forkChild(rollouts.news("production", rollout.key, found.seen, 20_000))
      yield* TestClock.adjust("1 second")
      yield* rollouts.move("production", rollout.key, "pause", why)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(moved)).rollout.state, "paused")
    }).pipe(
      asSystem,
      Effect.provide(
        node({
          changed: () => changed,
          evidence: () => {
            reads++
            return undefined
          }
        })
      )
    )
  })

  it.effect("XR4 all who wait look together, and those that are too many are told so", () => {
    let looks = 0
    return Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const { rollout } = yield* start({ changes: [draft("a", "one")] })
      const { seen } = yield* rollouts.get("production", rollout.key)
      looks = 0
      const by = (name: string) => (effect: Effect.Effect<unknown, HeraldError>) => as({ ...viewer, name })(effect)
      const waits = rollouts.news("production", rollout.key, seen, 20_000)
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 1_000 }, (_, nth) => waits.pipe(by(nth < 800 ? "one" : "another"))),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* TestClock.adjust("2 seconds")
      assert.isAtMost(looks, 10)
      assert.strictEqual(names(yield* Effect.flip(waits.pipe(by("one")))), "ServerFull")
      yield* Fiber.interrupt(all)
      const one = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 800 }, () => waits.pipe(by("one"))),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(names(yield* Effect.flip(waits.pipe(by("one")))), "TooManySubscriptions")
      yield* Fiber.interrupt(one)
    }).pipe(
      asSystem,
      Effect.provide(
        node({
          changed: () => {
            looks++
            return new Map()
          }
        })
      )
    )
  })

  it.effect("says whom each stage would reach now", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const { reach } = yield* rollouts.validate(
        wanted({ changes: [draft("a", "one")], plan: { stages: "3,region=eu,50%,100%" } })
      )
      assert.deepStrictEqual(
        reach.map(({ stage, named }) => [stage, named]),
        [
          ["3", 40],
          ["region=eu", 20],
          ["50%", 40],
          ["100%", 40]
        ]
      )
      assert.deepStrictEqual([reach[0]!.within, reach[1]!.within, reach[3]!.within], [3, 20, 40])
    }).pipe(
      asSystem,
      Effect.provide(
        node({
          connected: Array.from({ length: 40 }, (_, nth) => ({
            service: "s",
            instance: `i${nth}`,
            labels: { region: nth % 2 === 0 ? "eu" : "us" }
          }))
        })
      )
    )
  )
})
