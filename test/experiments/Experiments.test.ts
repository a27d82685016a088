/** Experiments on memory twins: what a start needs, what it does to its flag, and what it shows. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ExperimentTables } from "../../layers/Memory/experiments/ExperimentTables.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import * as Ending from "../../src/experiments/Ending.ts"
import { designOf, EXPERIMENTS, type Experiment, RUNNING } from "../../src/experiments/Experiment.ts"
import { ExperimentStore } from "../../src/experiments/ExperimentStore.ts"
import { Experiments } from "../../src/experiments/Experiments.ts"
import type { Wanted } from "../../src/experiments/Wanted.ts"
import { FlagHolds } from "../../src/flags/FlagHolds.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { UsageStore } from "../../src/usage/UsageStore.ts"
import { below, propagation } from "../support/Twins.ts"

const node = (
  state = new State(),
  counting: (real: ExperimentStore["Service"]) => Partial<ExperimentStore["Service"]> = () => ({}),
  keepReportsMillis = 3_600_000
) => {
  const counted = Layer.effect(
    ExperimentStore,
    Effect.map(ExperimentStore, (store) => ExperimentStore.of({ ...store, ...counting(store) }))
  )
  return Experiments.layer({ keepReportsMillis }).pipe(
    Layer.provideMerge(Layer.mergeAll(Flags.layer, FlagHolds.layer)),
    Layer.provideMerge(Ending.rules({ keepReportsMillis })),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(counted),
    Layer.provideMerge(below(Memory.layerOn(state))),
    Layer.fresh
  )
}
const asSystem = Effect.provideService(CurrentIdentity, system)
const environment = "production"
const flagDraft = (key: string, definition: unknown) => ({
  environment,
  key,
  definition: definition === null ? null : JSON.stringify(definition)
})
const publish = (key: string, definition: unknown, more: { message?: string; force?: boolean } = {}) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish(flagDraft(key, definition), { message: more.message ?? "", force: more.force })
  )
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  ...{ environment, key: "exp", flag: "flag", split: true, traffic: 100, where: undefined, layer: "", alpha: 0.05 },
  arms: [
    { variant: "off", share: 1 },
    { variant: "on", share: 1 }
  ],
  metrics: [{ kind: "conversion", event: "buy" }],
  ...more
})
const start = (more: Partial<Wanted> = {}) =>
  Effect.flatMap(Experiments, ({ start }) => start(wanted(more), { message: "why" }))
const begun = (more: Partial<Wanted> = {}) =>
  Effect.map(
    start(more),
    ({ committed }) => committed.revision.changes.find(({ kind }) => kind === "experiment") as Experiment
  )
const stop = (key = "exp", more: { winner?: string; serve?: string } = {}) =>
  Effect.flatMap(Experiments, ({ stop }) =>
    stop(environment, key, { winner: undefined, serve: undefined, message: "done", ...more })
  )
const definitionOf = (key: string) =>
  Effect.flatMap(Flags, (flags) =>
    Effect.map(flags.get(environment, key), ({ definition }) => JSON.parse(definition) as Record<string, unknown>)
  )
const nameOf = <A, R>(refused: Effect.Effect<A, HeraldError, R>) => Effect.map(Effect.flip(refused), ({ name }) => name)
/** Every second one bought, of those with an even number. */
const report = (from: number, until: number, { version }: { readonly version: number }) =>
  Effect.gen(function* () {
    const usage = yield* UsageStore
    const at = yield* Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
    const people = Array.from({ length: until - from }, (_, n) => from + n)
    const unit = (n: number) => n.toString(16).padStart(32, "0")
    const none = { uses: [], principal: "p", environment }
    yield* usage.record(
      [
        {
          ...{ ...none, batch: `b${from}` },
          exposures: people.map((n) => ({
            flag: "flag",
            variant: n % 2 === 0 ? "on" : "off",
            version,
            unit: unit(n),
            at
          })),
          tracks: people
            .filter((n) => n % 4 === 0)
            .map((n) => ({ name: "buy", unit: unit(n), value: null, at: at + 1, details: null }))
        }
      ],
      1_000_000
    )
    yield* TestClock.adjust("1 minute")
  })

describe("Experiments", () => {
  it.effect(
    "XE1 XG1 a start splits its flag in the same commit, which nobody changes then but by force, and that ends it",
    () =>
      asSystem(
        Effect.gen(function* () {
          const flags = yield* Flags
          const { get } = yield* Experiments
          assert.strictEqual(yield* nameOf(start()), "NotFound")
          yield* publish("flag", { enabled: true, percentage: 5 })
          assert.strictEqual(
            yield* nameOf(
              start({
                arms: [
                  { variant: "on", share: 1 },
                  { variant: "blue", share: 1 }
                ]
              })
            ),
            "InvalidExperiment"
          )
          const made = yield* begun()
          assert.deepInclude(made, { flagVersion: 2, state: "running", hypothesis: "why" })
          assert.deepInclude(yield* definitionOf("flag"), { purpose: "experiment", defaultVariant: "off" })

          const held = yield* Effect.flip(publish("flag", { enabled: true }))
          assert.strictEqual(held.name, "FlagInExperiment")
          const dry = yield* Effect.flip(flags.validate([flagDraft("flag", { enabled: true })]))
          assert.deepStrictEqual([dry.name, dry.message, dry.details], [held.name, held.message, held.details])
          assert.strictEqual(yield* nameOf(publish("flag", null)), "FlagInExperiment")
          assert.strictEqual(yield* nameOf(flags.rollback(environment, "flag", 1, { message: "" })), "FlagInExperiment")

          const { committed } = yield* publish("flag", { enabled: true }, { force: true, message: "it burns" })
          assert.deepStrictEqual(
            committed.revision.changes.map(({ kind, key }) => `${kind}/${key}`),
            ["flag/flag", "experiment/exp"]
          )
          const ended = yield* get(environment, "exp")
          assert.deepInclude(ended, { state: "stopped", conclusion: "it burns", winner: null })
          assert.strictEqual(ended.results?.units, 0)
          yield* publish("flag", { enabled: false })
          yield* begun({ key: "again" })
          yield* flags.rollback(environment, "flag", 1, { message: "no", force: true })
          assert.strictEqual((yield* get(environment, "again")).state, "stopped")
          assert.strictEqual(yield* nameOf(stop("again")), "ExperimentOver")
          assert.strictEqual(yield* nameOf(stop("never")), "NotFound")
        })
      ).pipe(Effect.provide(node()))
  )

  it.effect("XE2 a layer is given out until it is full, and what is stopped makes room", () =>
    asSystem(
      Effect.gen(function* () {
        for (const key of ["a", "b", "c", "d"]) yield* publish(key, { enabled: true, percentage: 5 })
        const of = (key: string, traffic: number) => begun({ key, flag: key, layer: "shop", traffic })
        assert.deepStrictEqual((yield* of("a", 30)).buckets, [[0, 300]])
        assert.deepStrictEqual((yield* of("b", 50.5)).buckets, [[300, 505]])
        const full = yield* Effect.flip(of("c", 20))
        assert.strictEqual(full.name, "LayerFull")
        assert.include(full.message, "19.5 % left")
        assert.include(full.message, "a, b")
        yield* stop("a")
        assert.deepStrictEqual((yield* of("c", 40)).buckets, [
          [0, 300],
          [805, 100]
        ])
        assert.deepStrictEqual((yield* begun({ key: "d", flag: "d", layer: "other", traffic: 100 })).buckets, [
          [0, 1_000]
        ])
      })
    ).pipe(Effect.provide(node()))
  )

  it.effect("XG1 a flag is taken as it is, with its own shares, and what speaks against it is said", () =>
    asSystem(
      Effect.gen(function* () {
        yield* publish("flag", { enabled: true, percentage: 25, purpose: "experiment" })
        const plain = yield* start({ split: false, arms: undefined })
        assert.deepStrictEqual(plain.warnings, [])
        const made = plain.committed.revision.changes[0] as Experiment
        assert.deepInclude(made, { flagVersion: 1 })
        assert.deepStrictEqual(designOf(made).arms, [
          { variant: "off", share: 75_000 },
          { variant: "on", share: 25_000 }
        ])
        yield* publish("named", { enabled: true, percentage: 25, targetUsers: ["ann"] })
        const { warnings } = yield* start({ key: "b", flag: "named", split: false, arms: undefined })
        assert.strictEqual(warnings.length, 2)
        yield* publish("same", { enabled: true })
        assert.strictEqual(
          yield* nameOf(start({ key: "c", flag: "same", split: false, arms: undefined })),
          "InvalidExperiment"
        )
      })
    ).pipe(Effect.provide(node()))
  )

  it.effect(
    "XG2 XG3 results are summed up once for all who look, and kept as they were when it was stopped, with what everyone is served then",
    () => {
      let sums = 0
      const counting = (real: ExperimentStore["Service"]) => ({
        sum: (...args: Parameters<ExperimentStore["Service"]["sum"]>) =>
          Effect.suspend(() => {
            sums++
            return real.sum(...args)
          })
      })
      return asSystem(
        Effect.gen(function* () {
          const { results } = yield* Experiments
          yield* TestClock.adjust("1 minute")
          yield* publish("flag", { enabled: true, percentage: 5 })
          const { flagVersion } = yield* begun()
          yield* report(1, 401, { version: flagVersion })
          const looks = yield* Effect.all(
            Array.from({ length: 20 }, () => results(environment, "exp")),
            { concurrency: 20 }
          )
          assert.strictEqual(sums, 1)
          const seen = looks[0]!.results!
          assert.deepInclude(seen, { units: 400, mixed: 0 })
          assert.deepStrictEqual(
            seen.arms.map(({ units, expected }) => [units, expected]),
            [
              [200, 200],
              [200, 200]
            ]
          )
          assert.deepStrictEqual(
            seen.metrics[0]!.arms.map(({ total, verdict }) => [total, verdict]),
            [
              [0, "control"],
              [100, "better"]
            ]
          )
          yield* results(environment, "exp")
          assert.strictEqual(sums, 1)
          yield* report(401, 601, { version: flagVersion })
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual((yield* results(environment, "exp")).results!.units, 600)
          assert.strictEqual(sums, 2)

          assert.strictEqual(yield* nameOf(stop("exp", { winner: "blue" })), "InvalidExperiment")
          assert.strictEqual(yield* nameOf(stop("exp", { serve: "blue" })), "InvalidExperiment")
          yield* stop("exp", { winner: "on", serve: "on" })
          const definition = yield* definitionOf("flag")
          assert.deepInclude(definition, { defaultVariant: "on", state: "ENABLED" })
          assert.notProperty(definition, "targeting")
          yield* report(601, 801, { version: flagVersion })
          const after = yield* results(environment, "exp")
          assert.deepInclude(after.experiment, { winner: "on", conclusion: "done", state: "stopped" })
          assert.strictEqual(after.results!.units, 600)
        })
      ).pipe(Effect.provide(node(new State(), counting)))
    }
  )

  it.effect("XG2 one that runs longer than reports are kept says so", () =>
    asSystem(
      Effect.gen(function* () {
        const { results } = yield* Experiments
        yield* publish("flag", { enabled: true, percentage: 5 })
        yield* begun()
        assert.deepStrictEqual((yield* results(environment, "exp")).results!.notes, [])
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual((yield* results(environment, "exp")).results!.notes.length, 1)
      })
    ).pipe(Effect.provide(node(new State(), undefined, 60_000)))
  )

  it.effect("XE4 an environment runs so many at once, and has so many names", () => {
    const state = new State()
    const fill = (made: Experiment, count: number, more: Partial<Experiment>) => {
      const { versions } = state.tables(ExperimentTables)
      for (let n = 0; n < count; n++) {
        const key = `${more.state}-${n}`
        versions.set(`${environment}/${key}`, [{ ...made, key, flag: key, ...more }])
      }
    }
    return asSystem(
      Effect.gen(function* () {
        yield* publish("flag", { enabled: true, percentage: 5 })
        yield* publish("other", { enabled: true, percentage: 5 })
        const made = yield* begun()
        fill(made, RUNNING - 2, { state: "running" })
        yield* begun({ key: "last", flag: "other" })
        yield* publish("more", { enabled: true, percentage: 5 })
        assert.strictEqual(yield* nameOf(start({ key: "more", flag: "more" })), "ExperimentsFull")
        yield* stop("last")
        fill(made, EXPERIMENTS, { state: "stopped" })
        assert.strictEqual(yield* nameOf(start({ key: "more", flag: "more" })), "ExperimentsFull")
        yield* begun({ key: "last", flag: "more" }) // a name that it has
      })
    ).pipe(Effect.provide(node(state)))
  })
})
