/** What every store must do with experiments. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import {
  type Design,
  type Experiment,
  experimentKind,
  type StartWish,
  type StopWish
} from "../../src/experiments/Experiment.ts"
import { ExperimentStore } from "../../src/experiments/ExperimentStore.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { fresh } from "../support/fresh.ts"
import { moveWish, startWish } from "../support/RolloutWishes.ts"
import { commit, refused } from "../support/Schedules.ts"
import { verified } from "./Verified.ts"

type Services = Commits | ExperimentStore | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const newEnvironment = () => fresh("env").replaceAll(".", "-")
const flagWish = (environment: string, key: string, more: object = {}) => ({
  ...{ kind: "flag", environment, key, definition: "{}", digest: digestOf("{}"), bytes: 2, expectedVersion: undefined },
  ...{ enabled: true, percentage: null, targetUsers: null, variants: ["on", "off"], prerequisites: [] },
  ...more
})
const plan = (more: Partial<Design> = {}): Design => ({
  flag: "flag",
  arms: [
    { variant: "off", share: 50 },
    { variant: "on", share: 50 }
  ],
  metrics: [],
  alpha: 0.05,
  layer: "",
  buckets: [[0, 1_000]],
  ...more
})
export const start = (environment: string, key: string, more: Partial<StartWish> = {}): StartWish => {
  const definition = JSON.stringify(plan(more.flag === undefined ? {} : { flag: more.flag }))
  return {
    ...{ kind: "experiment", environment, key, state: "running", flag: "flag", flagVersion: 1, layer: "" },
    ...{ buckets: [[0, 1_000]], definition, digest: digestOf(definition) },
    ...more
  }
}
export const stop = (environment: string, key: string, more: Partial<StopWish> = {}): StopWish => ({
  ...{ kind: "experiment", environment, key, state: "stopped", winner: null, results: null },
  ...more
})
const options = { action: "experiment" } as const

export const experimentsContract = (test: Test) => {
  test("W1 XE3 an experiment is in the log as it was answered, in the store, and in its history; an audit finds it as it was", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const store = yield* ExperimentStore
      const environment = newEnvironment()
      yield* commit([flagWish(environment, "flag")])
      const before = yield* log.head
      const wish = start(environment, "a", {
        layer: "shop",
        buckets: [
          [0, 100],
          [900, 100]
        ]
      })
      const { revision } = yield* commit([wish], { ...options, message: "more of them buy" })
      const made = revision.changes[0] as Experiment
      const [kept] = (yield* log.after(before.revision, 10))!
      assert.deepStrictEqual(kept, revision)
      assert.deepStrictEqual(experimentKind.fromLane(experimentKind.toLane(made)), made)
      assert.deepInclude(made, {
        ...{ key: "a", version: 1, state: "running", flag: "flag", flagVersion: 1, layer: "shop", startedBy: "tester" },
        ...{
          definition: wish.definition,
          digest: wish.digest,
          hypothesis: "more of them buy",
          endedAt: null,
          endedBy: ""
        }
      })
      assert.deepStrictEqual(made.buckets, [
        [0, 100],
        [900, 100]
      ])
      assert.deepStrictEqual(yield* store.find(environment, "a"), made)
      assert.isUndefined(yield* store.find("nowhere", "a"))
      assert.deepStrictEqual(yield* store.running(environment), [made])

      const results = {
        at: 5,
        units: 2,
        mixed: 0,
        arms: [],
        sampleRatio: { p: 0.25, mismatch: false },
        alpha: 0.05,
        metrics: [],
        notes: []
      }
      const stopped = yield* commit([stop(environment, "a", { winner: "on", results })], {
        ...{ ...options, actor: "bob", message: "they do" }
      })
      const ended = stopped.revision.changes[0] as Experiment
      assert.deepInclude(ended, { version: 2, state: "stopped", endedBy: "bob", conclusion: "they do", winner: "on" })
      assert.deepInclude(ended, { hypothesis: "more of them buy", startedBy: "tester", startedAt: made.startedAt })
      assert.deepStrictEqual(ended.results, results)
      assert.deepStrictEqual(experimentKind.fromLane(experimentKind.toLane(ended)), ended)
      assert.deepStrictEqual(yield* store.running(environment), [])
      const again = (yield* commit([start(environment, "a")], options)).revision.changes[0] as Experiment
      assert.deepInclude(again, {
        version: 3,
        state: "running",
        conclusion: "",
        winner: null,
        results: null,
        endedAt: null
      })
      assert.deepStrictEqual(yield* store.history(environment, "a", { limit: 10, before: undefined }), [
        again,
        ended,
        made
      ])
      assert.deepStrictEqual(yield* store.history(environment, "a", { limit: 1, before: 3 }), [ended])
      assert.isUndefined((yield* verified).problem)
    }))

  test("XE1 a flag is in one running experiment, and nobody changes it, alone or among many, but who ends that in the same commit", () =>
    Effect.gen(function* () {
      const store = yield* ExperimentStore
      const environment = newEnvironment()
      const nameOf = (wishes: ReadonlyArray<object>) => Effect.map(refused(wishes, options), ({ name }) => name)
      assert.strictEqual(yield* nameOf([start(environment, "a")]), "NotFound")
      yield* commit([flagWish(environment, "flag"), flagWish(environment, "other")])
      assert.strictEqual(yield* nameOf([start(environment, "a", { flagVersion: 2 })]), "VersionConflict")
      yield* commit([start(environment, "a")], options)
      assert.strictEqual(yield* nameOf([start(environment, "a", { flag: "other" })]), "ExperimentRunning")
      const held = yield* refused([start(environment, "b")], options)
      assert.strictEqual(held.name, "FlagInExperiment")
      assert.deepStrictEqual(held.details, { key: "flag", environment, experiment: "a" })

      const many = Array.from({ length: 9 }, (_, n) => flagWish(environment, `many-${n}`))
      for (const wishes of [
        [flagWish(environment, "flag")],
        [flagWish(environment, "flag", { definition: null, digest: "", bytes: 0, variants: [] })],
        [...many, flagWish(environment, "flag")],
        [flagWish(environment, "flag"), start(environment, "b", { flagVersion: null })]
      ]) {
        const error = yield* refused(wishes)
        assert.deepStrictEqual([error.name, error.message], [held.name, held.message])
      }
      const settings = {
        kind: "flag_settings",
        environment,
        key: "flags",
        definition: '{"bucketing":"v3"}',
        digest: "d",
        bytes: 18
      }
      assert.strictEqual((yield* refused([settings])).name, "FlagInExperiment")
      yield* commit([flagWish(environment, "other")])
      yield* commit([flagWish(newEnvironment(), "flag")])

      const { revision } = yield* commit([flagWish(environment, "flag"), stop(environment, "a")])
      assert.deepInclude(revision.changes[1] as Experiment, { key: "a", state: "stopped" })
      assert.deepStrictEqual(yield* store.running(environment), [])
      assert.strictEqual(yield* nameOf([stop(environment, "a")]), "ExperimentOver")
      assert.strictEqual(yield* nameOf([stop(environment, "b")]), "NotFound")
      yield* commit([settings])

      const both = yield* commit(
        [flagWish(environment, "flag"), start(environment, "b", { flagVersion: null })],
        options
      )
      assert.deepInclude(both.revision.changes[1] as Experiment, { key: "b", flagVersion: 3 })
      const next = yield* commit([
        ...many,
        flagWish(environment, "flag"),
        stop(environment, "b"),
        start(environment, "c", { flagVersion: null })
      ])
      assert.deepInclude(next.revision.changes.at(-1) as Experiment, { key: "c", flagVersion: 4 })
    }))

  test("XE1 a flag is in a running experiment or in an active rollout, and never in both", () =>
    Effect.gen(function* () {
      const environment = newEnvironment()
      yield* commit([flagWish(environment, "flag"), flagWish(environment, "other")])
      yield* commit([start(environment, "a")], options)
      const rollout = (flag: string, wish = JSON.stringify(flagWish(environment, flag))) =>
        startWish([{ kind: "flag", key: flag, base: 1, wish, digest: "d", strict: false, template: false, bytes: 2 }], {
          environment
        })
      for (const wish of [rollout("flag"), rollout("flag", "")]) {
        const error = yield* refused([wish], { action: "rollout" })
        assert.deepStrictEqual(
          [error.name, error.details],
          ["FlagInExperiment", { key: "flag", environment, experiment: "a" }]
        )
      }
      const begun = yield* commit([rollout("other")], { action: "rollout" })
      const error = yield* refused([start(environment, "b", { flag: "other" })], options)
      assert.strictEqual(error.name, "InRollout")
      yield* commit([moveWish(begun.revision.changes[0] as Rollout, "aborted")], { action: "rollout" })
      yield* commit([start(environment, "b", { flag: "other" })], options)
      yield* commit([stop(environment, "a")], options)
      yield* commit([rollout("flag")], { action: "rollout" })
    }))

  test("XE2 of a layer nobody takes what another has, and what is stopped makes room", () =>
    Effect.gen(function* () {
      const environment = newEnvironment()
      yield* commit(["one", "two", "three"].map((key) => flagWish(environment, key)))
      const of = (key: string, flag: string, buckets: StartWish["buckets"], layer = "shop") =>
        start(environment, key, { flag, layer, buckets })
      yield* commit([of("a", "one", [[0, 500]])], options)
      const taken = yield* refused(
        [
          of("b", "two", [
            [600, 10],
            [499, 1]
          ])
        ],
        options
      )
      assert.strictEqual(taken.name, "VersionConflict")
      assert.deepInclude(taken.details, { changed: "layer" })
      yield* commit([of("b", "two", [[0, 500]], "search")], options)
      yield* commit([of("c", "three", [[500, 500]])], options)
      yield* commit([stop(environment, "a")], options)
      yield* commit([of("a", "one", [[400, 100]])], options) // up to what c has
      yield* commit([stop(environment, "a"), stop(environment, "c")], options)
      yield* commit([of("d", "one", [[0, 1_000]])], options)
    }))

  test("experiments are listed by their names, in pages, by state and by flag, and what runs over all environments", () =>
    Effect.gen(function* () {
      const store = yield* ExperimentStore
      const environment = newEnvironment()
      const names = ["a", "b", "c", "d"]
      yield* commit(names.map((key) => flagWish(environment, key)))
      for (const key of names) yield* commit([start(environment, key, { flag: key })], options)
      yield* commit([stop(environment, "b")], options)
      const keys = (more: Partial<Parameters<typeof store.list>[1]>) =>
        Effect.map(
          store.list(environment, { limit: 10, after: "", state: undefined, flag: undefined, ...more }),
          (all) => all.map(({ key }) => key).join("")
        )
      assert.strictEqual(yield* keys({}), "abcd")
      assert.strictEqual(yield* keys({ limit: 2 }), "ab")
      assert.strictEqual(yield* keys({ limit: 2, after: "b" }), "cd")
      assert.strictEqual(yield* keys({ state: "stopped" }), "b")
      assert.strictEqual(yield* keys({ state: "running", flag: "c" }), "c")
      assert.strictEqual(yield* keys({ scope: { names: ["d"], prefixes: ["a"] } }), "ad")
      assert.strictEqual(yield* keys({ scope: { names: [], prefixes: [] } }), "")
      let found = ""
      for (
        let page = yield* store.page({ environment, key: "" });
        page.length > 0;
        page = yield* store.page(page.at(-1))
      ) {
        found += page
          .filter((one) => one.environment === environment)
          .map(({ key }) => key)
          .join("")
      }
      assert.strictEqual(found, "acd")
    }))
}
