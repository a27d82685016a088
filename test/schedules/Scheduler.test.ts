import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import type { ApiKey } from "../../src/access/ApiKeyStore.ts"
import { type Identity, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Degraded, makeDegraded } from "../../src/telemetry/Degraded.ts"
import { pass, settle } from "../support/Clock.ts"
import { as, asSystem, becameOf, draft, flagDraft, GRACE, node, percentageOf, publishFlag, schedule } from "./Node.ts"

const half = { enabled: true, percentage: 50 }

const key = (name: string, environment = "production") =>
  Effect.gen(function* () {
    const access = yield* Access
    const made = yield* access.createKey({ name, role: "publisher", environments: [environment], expiresAt: null })
    const identity: Identity = { name, keyId: made.key.id, role: "publisher", environments: [environment] }
    return identity
  }).pipe(asSystem)

describe("Scheduler", () => {
  it.effect("DU2 a change is made at its time and not before, all of it in one revision with what became of it", () =>
    Effect.gen(function* () {
      yield* publishFlag("a", { enabled: false })
      const made = yield* schedule("+2m", { changes: [draft("app", "1")], flags: [flagDraft("a", half)] })
      yield* pass(119_000, 119)
      assert.isUndefined(yield* percentageOf("a"))
      assert.strictEqual((yield* becameOf(made)).state, "pending")
      yield* pass(1_100, 110)
      const over = yield* becameOf(made)
      assert.strictEqual(over.state, "committed")
      assert.strictEqual(yield* percentageOf("a"), 50)
      const { configuration } = yield* Effect.flatMap(Configurations, ({ get }) => get("production", "app", "strong"))
      assert.strictEqual(configuration.revision, over.revision)
      assert.strictEqual(configuration.changeLog, "why")
      assert.isAtMost(over.endedAt! - over.dueAt, 100)
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect(
    "DU2 a change whose time came while nobody was there is made on return, and is missed once its grace is over",
    () => {
      const state = new State()
      return Effect.gen(function* () {
        const [soon, sooner] = yield* Effect.gen(function* () {
          return [
            yield* schedule(`+${GRACE / 1_000 + 60}s`, { flags: [flagDraft("late", half)] }),
            yield* schedule("+30s", { flags: [flagDraft("missed", half)] })
          ] as const
        }).pipe(Effect.provide(node({ state, makes: false })))
        yield* TestClock.adjust(GRACE + 90_000)
        yield* Effect.gen(function* () {
          yield* settle
          yield* pass(1_000)
          assert.strictEqual((yield* becameOf(soon)).state, "committed")
          const missed = yield* becameOf(sooner)
          assert.strictEqual(missed.state, "missed")
          assert.strictEqual(missed.endedBy, system.name)
          assert.include(missed.reason, "grace")
          assert.strictEqual(yield* percentageOf("late"), 50)
          assert.strictEqual((yield* Effect.flip(percentageOf("missed"))).name, "NotFound")
        }).pipe(Effect.provide(node({ state })))
      }).pipe(asSystem)
    }
  )

  it.effect("DU3 what somebody changed meanwhile cancels a change with why, unless it is to be made even so", () =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c"]) yield* publishFlag(name, { enabled: false })
      const strict = yield* schedule("+1m", { flags: [flagDraft("a", half), flagDraft("c", half)] })
      const even = yield* schedule("+1m", { flags: [flagDraft("b", half)], evenIfChanged: true })
      for (const name of ["a", "b"]) yield* publishFlag(name, { enabled: true })
      yield* pass(61_000, 610)
      const cancelled = yield* becameOf(strict)
      assert.strictEqual(cancelled.state, "cancelled")
      assert.include(cancelled.reason, "the flag a in production is at version 2, not 1")
      assert.isUndefined(yield* percentageOf("c"))
      assert.strictEqual((yield* becameOf(even)).state, "committed")
      assert.strictEqual(yield* percentageOf("b"), 50)
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect(
    "DU3 SY4 steps of a rollout that were scheduled one after the other are all made, in the order of their times",
    () =>
      Effect.gen(function* () {
        yield* publishFlag("a", { enabled: true, percentage: 1 })
        const steps = yield* Effect.forEach([10, 25, 50], (percentage, at) =>
          schedule(`+${at + 1}m`, { flags: [flagDraft("a", { enabled: true, percentage })] })
        )
        const together = yield* Effect.forEach([75, 100], (percentage) =>
          schedule("+4m", { flags: [flagDraft("a", { enabled: true, percentage })] })
        )
        const seen: Array<number | undefined> = []
        for (let minute = 0; minute < 4; minute++) {
          yield* pass(60_100, 601)
          seen.push(yield* percentageOf("a"))
        }
        assert.deepStrictEqual(seen, [10, 25, 50, 100])
        for (const one of [...steps, ...together]) assert.strictEqual((yield* becameOf(one)).state, "committed")
      }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect(
    "A7 SY1 who asked for it acts: a revoked key's change is refused, a rotated one's is made, in its principal's name",
    () =>
      Effect.gen(function* () {
        const { revokeKey, rotateKey } = yield* Access
        const [gone, rotated, elsewhere] = [
          yield* key("gone"),
          yield* key("rotated"),
          yield* key("elsewhere", "staging")
        ]
        const refused = yield* schedule("+1m", { flags: [flagDraft("a", half)] }).pipe(as(gone))
        const made = yield* schedule("+1m", { flags: [flagDraft("b", half)] }).pipe(as(rotated))
        const forbidden = yield* Effect.flip(schedule("+1m", { flags: [flagDraft("c", half)] }).pipe(as(elsewhere)))
        assert.strictEqual(forbidden.name, "Forbidden")
        yield* revokeKey(gone.keyId).pipe(asSystem)
        yield* rotateKey(rotated.keyId, 0).pipe(asSystem)
        yield* pass(61_000, 610)
        const over = yield* becameOf(refused)
        assert.strictEqual(over.state, "refused")
        assert.include(over.reason, "was revoked")
        const { state, endedBy } = yield* becameOf(made)
        assert.deepStrictEqual([state, endedBy], ["committed", "rotated"])
      }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("A7 SY1 of a principal's keys that one acts which may touch what is to be changed", () =>
    Effect.gen(function* () {
      const { createKey } = yield* Access
      const make = (keys: ReadonlyArray<string>, expiresAt: number | null) =>
        Effect.map(
          createKey({ name: "pay", role: "publisher", environments: ["production"], keys, expiresAt, add: true }),
          ({ key: { id, ...more } }): Identity => ({ ...more, keyId: id })
        ).pipe(asSystem)
      const [gone] = [yield* make(["pay.*"], 30_000), yield* make(["other"], null), yield* make(["other.*"], null)]
      const made = yield* schedule("+1m", { flags: [flagDraft("pay.a", half)] }).pipe(as(gone))
      const left = yield* schedule("+2m", { flags: [flagDraft("pay.b", half)] }).pipe(as(gone))
      const last = yield* make(["pay.a"], null)
      yield* pass(61_000, 610)
      assert.strictEqual((yield* becameOf(made)).state, "committed")
      yield* pass(61_000, 610)
      const refused = yield* becameOf(left)
      assert.strictEqual(refused.state, "refused")
      assert.include(refused.reason, "pay.b")
      assert.deepStrictEqual(last.keys, ["pay.a"])
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("SY3 what is refused as a publish would be says why, in the log too", () =>
    Effect.gen(function* () {
      yield* publishFlag("base", half)
      const needs = { ...half, prerequisites: [{ flag: "base", variant: "on" }] }
      const made = yield* schedule("+1m", { flags: [flagDraft("next", needs)] })
      yield* publishFlag("base", null)
      yield* pass(61_000, 610)
      const over = yield* becameOf(made)
      assert.strictEqual(over.state, "refused")
      assert.include(over.reason, "HRLD-1020")
      assert.include(over.reason, "next needs the flag base")
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("SY4 what one change makes and another one of the same time needs is there, whichever ends first", () =>
    Effect.gen(function* () {
      yield* publishFlag("base", { enabled: false })
      const needs = { ...half, prerequisites: [{ flag: "base", variant: "on" }] }
      const made = [
        // Its definition takes longer to read.
        yield* schedule("+1m", {
          flags: [flagDraft("base", { ...half, targetUsers: Array.from({ length: 1_000 }, (_, n) => `user-${n}`) })],
          evenIfChanged: true
        }),
        yield* schedule("+1m", { flags: [flagDraft("next", needs)] }),
        yield* schedule("+1m", { flags: [flagDraft("other", half)] })
      ]
      yield* publishFlag("base", null)
      yield* pass(61_000, 610)
      for (const one of made) assert.strictEqual((yield* becameOf(one)).state, "committed")
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("SY2 what can't be made now is tried again and keeps no other one; the node says so while it lasts", () => {
    const degraded = makeDegraded()
    let away = true
    const ann: Identity = { name: "ann", keyId: "k", role: "publisher", environments: ["*"] }
    const bert: Identity = { ...ann, name: "bert" }
    const key: ApiKey = { ...ann, id: "k", hash: "", createdAt: 0, createdBy: "", expiresAt: null, revokedAt: null }
    /** Of bert a key comes that nobody can read. */
    const strange = Object.defineProperty({ ...key, name: "bert" }, "environments", {
      get: () => {
        throw new Error("a defect")
      }
    })
    const keys = Effect.suspend(() =>
      away ? Effect.fail(failure("DatabaseUnavailable", "away")) : Effect.succeed([key, strange])
    )
    return Effect.gen(function* () {
      const first = yield* schedule("+10s", { flags: [flagDraft("a", half)] }).pipe(as(ann))
      const defect = yield* schedule("+10s", { flags: [flagDraft("c", half)] }).pipe(as(bert))
      const other = yield* schedule("+11s", { flags: [flagDraft("b", half)] })
      yield* pass(12_000, 120)
      assert.strictEqual((yield* becameOf(first)).state, "pending")
      assert.strictEqual((yield* becameOf(other)).state, "committed")
      assert.deepStrictEqual([...degraded], [])
      yield* pass(6_000, 60)
      assert.deepStrictEqual([...degraded], ["schedules"])
      away = false
      yield* pass(1_000, 20)
      assert.strictEqual((yield* becameOf(first)).state, "committed")
      assert.strictEqual((yield* becameOf(defect)).state, "pending")
      yield* TestClock.adjust(GRACE)
      yield* pass(2_000, 20)
      assert.strictEqual((yield* becameOf(defect)).state, "missed")
      yield* pass(1_000, 20)
      assert.deepStrictEqual([...degraded], [])
    }).pipe(asSystem, Effect.provide(node({ keys })), Effect.provideService(Degraded, degraded))
  })

  it.effect("SY4 while a change waits, none of a later time changes the same thing; others are made", () => {
    let away = true
    const ann: Identity = { name: "ann", keyId: "k", role: "publisher", environments: ["*"] }
    const key: ApiKey = { ...ann, id: "k", hash: "", createdAt: 0, createdBy: "", expiresAt: null, revokedAt: null }
    const keys = Effect.suspend(() =>
      away ? Effect.fail(failure("DatabaseUnavailable", "away")) : Effect.succeed([key])
    )
    return Effect.gen(function* () {
      yield* publishFlag("a", { enabled: false })
      const on = (percentage: number) => ({
        flags: [flagDraft("a", { enabled: true, percentage })],
        evenIfChanged: true
      })
      const first = yield* schedule("+10s", on(10)).pipe(as(ann))
      const second = yield* schedule("+11s", { ...on(20), changes: [draft("app", "1")] })
      const third = yield* schedule("+12s", { changes: [draft("app", "2")], evenIfChanged: true })
      const other = yield* schedule("+13s", { flags: [flagDraft("b", half)] })
      yield* pass(14_000, 140)
      assert.strictEqual((yield* becameOf(other)).state, "committed")
      for (const one of [first, second, third]) assert.strictEqual((yield* becameOf(one)).state, "pending")
      away = false
      yield* pass(2_000, 20)
      for (const one of [first, second, third]) assert.strictEqual((yield* becameOf(one)).state, "committed")
      assert.strictEqual(yield* percentageOf("a"), 20)
      const { configuration } = yield* Effect.flatMap(Configurations, ({ get }) => get("production", "app", "strong"))
      assert.strictEqual(configuration.value, "2")
    }).pipe(asSystem, Effect.provide(node({ keys })))
  })

  it.effect("DU3 who was moved on by the step before, after it was looked at, is not cancelled", () => {
    let before = true
    const find: Parameters<typeof node>[0] = {
      find: (real) => (environment, id) =>
        Effect.map(real(environment, id), (held) => {
          const outdated = before && held !== undefined && held.expected["flag/a"] === 2
          if (outdated) before = false
          return outdated ? { ...held, expected: { "flag/a": 1 } } : held
        })
    }
    return Effect.gen(function* () {
      yield* publishFlag("a", { enabled: false })
      const [first, second] = yield* Effect.forEach([10, 20], (percentage, at) =>
        schedule(`+${at + 1}m`, { flags: [flagDraft("a", { enabled: true, percentage })] })
      )
      yield* pass(121_000, 1_210)
      assert.isFalse(before)
      for (const one of [first!, second!]) assert.strictEqual((yield* becameOf(one)).state, "committed")
      assert.strictEqual(yield* percentageOf("a"), 20)
    }).pipe(asSystem, Effect.provide(node(find)))
  })

  it.effect("DU1 of two nodes one makes it, once; when the one that had the lease is gone, the other does", () => {
    const state = new State()
    return Effect.gen(function* () {
      const [a, b] = [node({ state, run: "a" }), node({ state, run: "b" })]
      yield* Effect.gen(function* () {
        const first = yield* schedule("+10s", { flags: [flagDraft("a", half)] })
        const second = yield* schedule("+20s", { flags: [flagDraft("b", half)] })
        yield* Effect.scoped(Effect.andThen(Layer.build(a), pass(11_000, 110)))
        assert.strictEqual((yield* becameOf(first)).state, "committed")
        yield* pass(12_000, 120)
        assert.strictEqual((yield* becameOf(second)).state, "committed")
      }).pipe(Effect.provide(b))
      const flagged = state.revisions.flatMap(({ changes }) => changes.filter(({ kind }) => kind === "flag"))
      assert.deepStrictEqual(
        flagged.map(({ key }) => key),
        ["a", "b"]
      )
    }).pipe(asSystem)
  })
})
