import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { anybody } from "../../src/updates/Client.ts"
import { UpdateSource } from "../../src/updates/UpdateSource.ts"
import type { Job } from "../../src/work/Job.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

const { client } = subscription()
const build = (key: string) => Effect.flatMap(UpdateSource, (updates) => updates.build(client, key, ""))

describe("ConfigurationUpdates", () => {
  it.effect("U3 recent updates are kept within the budget; what was forgotten is built again, equal", () =>
    Effect.gen(function* () {
      // 32 Mi characters are kept: 40 values of 1 Mi push out the first, not the last.
      const value = (i: number) => String(i).padEnd(1_048_576, "x")
      const key = (i: number) => `svc.k${i}`
      const first = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        (i) => Effect.andThen(publish({ key: key(i), value: value(i) }), build(key(i)))
      )
      const newest = yield* build(key(39))
      const oldest = yield* build(key(0))
      const again = yield* build(key(0))

      assert.strictEqual(newest, first[39])
      assert.notStrictEqual(oldest, first[0])
      assert.deepStrictEqual(oldest, first[0])
      assert.strictEqual(again, oldest)
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("U3 older revisions of a key take no room from others", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.kept", value: "kept" })
      const kept = yield* build("svc.kept")
      for (let version = 0; version < 40; version++) {
        yield* publish({ key: "svc.busy", value: String(version).padEnd(1_048_576, "x") })
        yield* build("svc.busy")
      }

      assert.strictEqual(yield* build("svc.kept"), kept)
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("U1 what is shared is never of another epoch, though key and revision are the same", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ value: "kept" })
      yield* publish({ value: "lost" })
      const lost = yield* build("svc")
      faults.restore(1)
      yield* TestClock.adjust("1 second")
      yield* publish({ value: "after" })
      const after = yield* build("svc")

      assert.strictEqual(lost?.revision, after?.revision)
      assert.deepInclude(lost, { content: "lost" })
      assert.deepInclude(after, { content: "after", epoch: "restored" })
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  const pad = "x".repeat(70_000)
  const buildFor = (zone: string, key: string) =>
    Effect.flatMap(UpdateSource, (updates) => updates.build({ ...client, labels: { zone } }, key, ""))

  it.effect("U4 RN1 a large template is rendered once for all that answer alike, and read in a thread", () => {
    const begun: Array<Job> = []
    return Effect.gen(function* () {
      yield* publish({ key: "svc.large", value: `["{{client.zone}}","${pad}"]`, valueType: "json" })
      const built = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, n) => `zone-${n % 2}`),
        (zone) => buildFor(zone, "svc.large"),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(built).size, 2)
      assert.strictEqual(begun.length, 2)
      assert.deepInclude(built[1], { kind: "value", content: `["zone-1","${pad}"]` })
    }).pipe(Effect.provide(sessionsWith({}, undefined, { began: (job) => void begun.push(job) })))
  })

  it.effect(
    "T3 RN1 a large rendering that can't be read is the client's problem; a thread that is busy is nobody's",
    () =>
      Effect.gen(function* () {
        yield* publish({ key: "svc.odd", value: `[{{client.zone}}x,"${pad}"]`, valueType: "json" })
        yield* publish({ key: "svc.slow", value: `["{{client.zone}}","${pad}"]`, valueType: "json" })
        assert.include(yield* buildFor("0", "svc.odd"), { kind: "problem" })
        const slow = yield* Effect.forkChild(Effect.flip(buildFor("hang", "svc.slow")))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(slow)).name, "Timeout")
      }).pipe(Effect.provide(sessionsWith({}, undefined, { hangs: hanging })))
  )

  it.effect("U4 what waited for its turn is built of what is current then", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.large", value: `["{{client.zone}}","${pad}"]`, valueType: "json" })
      const turns = yield* Effect.forEach(["hang-1", "hang-2"], (zone) =>
        Effect.forkChild(Effect.flip(buildFor(zone, "svc.large")))
      )
      yield* Effect.yieldNow
      const waiting = yield* Effect.forkChild(buildFor("z", "svc.large"))
      yield* Effect.yieldNow
      yield* publish({ key: "svc.large", value: `["{{client.zone}}","new","${pad}"]`, valueType: "json" })
      yield* TestClock.adjust("1 minute")
      for (const turn of turns) yield* Fiber.join(turn)
      assert.deepInclude(yield* Fiber.join(waiting), { version: 2, content: `["z","new","${pad}"]` })
    }).pipe(Effect.provide(sessionsWith({}, undefined, { hangs: hanging })))
  )

  it.effect("U2 an update of a template carries the position of the variables that it was last made with", () =>
    Effect.gen(function* () {
      const source = yield* UpdateSource
      yield* publish({ key: "herald.variables", value: `{"region":"eu"}`, valueType: "json" })
      const template = yield* publish({ key: "svc.url", value: "{{region}}" })
      assert.strictEqual((yield* build("svc.url"))?.revision, template.revision)
      const variables = yield* publish({ key: "herald.variables", value: `{"region":"us"}`, valueType: "json" })

      assert.deepInclude(yield* build("svc.url"), { content: "us", revision: variables.revision })
      assert.strictEqual(source.target(anybody("production"), "svc.url"), variables.revision)
      assert.strictEqual(source.standing(anybody("production"), "svc.url")?.revision, variables.revision)
      const touched = [...source.touched(variables.changes[0]!)].map(({ key }) => key)
      assert.deepStrictEqual(touched, ["herald.variables", "svc.url"])
    }).pipe(Effect.provide(sessionsWith({})))
  )
})

const hanging = (job: Job) => job.kind === "read" && job.text.includes("hang")
