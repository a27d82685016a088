/** What every store must do with rollouts. Run by Rollouts.test.ts, on memory and PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { KeyScope } from "../../src/access/KeyScope.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import { Conflict } from "../../src/commits/Conflict.ts"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import type { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { FeatureFlag } from "../../src/flags/FeatureFlag.ts"
import type { FlagStore } from "../../src/flags/FlagStore.ts"
import { limits } from "../../src/plans/Plan.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { rolloutKind } from "../../src/rollouts/RolloutKind.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import {
  candidate,
  candidateOf,
  commit,
  moveWish,
  plan,
  refused,
  rolled,
  stage,
  stageWish,
  startWish
} from "../support/RolloutWishes.ts"
import { flag } from "./FlagStores.ts"
import { verified } from "./Verified.ts"

type Services = Commits | RolloutStore | ConfigurationStore | FlagStore | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const versionIn = ({ revision }: { readonly revision: { readonly changes: ReadonlyArray<object> } }, n = 0): number =>
  (revision.changes[n] as Configuration | FeatureFlag).version

export const rolloutsContract = (test: Test) => {
  test("RQ1 W1 a rollout and each of its transitions is in the log as it was answered, and an audit finds it as it was", () =>
    Effect.gen(function* () {
      const [log, store] = [yield* RevisionLog, yield* RolloutStore]
      const before = yield* log.head
      const [key, name] = [fresh("config"), fresh("flag")]
      yield* commit([change(key, "1")], { action: "publish" })
      const candidates = [candidate(key, "2"), candidateOf(flag(name, ["a"]))]
      const started = yield* rolled([startWish(candidates)], { actor: "ann", message: "because" })
      assert.deepInclude(started, {
        key: `r${started.revision}`,
        version: 1,
        state: "scheduled",
        stage: -1,
        begun: [],
        by: "ann",
        startedBy: "ann",
        message: "because",
        salt: "salt"
      })
      assert.deepStrictEqual(started.plan, plan())
      assert.deepStrictEqual(
        started.targets.map(({ kind, key, base, version, digest, since }) => [kind, key, base, version, digest, since]),
        [
          ["configuration", key, 1, 2, candidates[0]!.digest, 0n],
          ["flag", name, 0, 1, candidates[1]!.digest, 0n]
        ]
      )
      const first = yield* rolled([stageWish(started)], { actor: "herald", message: "on" })
      assert.deepInclude(first, {
        version: 2,
        state: "deploying",
        stage: 0,
        by: "herald",
        startedBy: "ann",
        message: "because"
      })
      assert.deepStrictEqual(first.begun, [{ revision: first.revision, at: first.at, below: 2 ** 31 }])
      const revisions = (yield* log.after(before.revision, 10))!
      assert.deepStrictEqual(revisions[1]!.changes, [started])
      assert.deepStrictEqual(revisions[2]!.changes, [first])
      assert.deepStrictEqual(rolloutKind.fromLane(JSON.parse(JSON.stringify(rolloutKind.toLane(first)))), first)

      assert.deepStrictEqual(yield* store.find("production", started.key), first)
      assert.isUndefined(yield* store.find("staging", started.key))
      assert.deepStrictEqual(yield* store.history("production", started.key, { limit: 10, after: 0 }), [started, first])
      assert.deepStrictEqual(yield* store.history("production", started.key, { limit: 1, after: 1 }), [first])
      const wished = yield* store.candidate("production", started.key, { kind: "flag", key: name })
      assert.strictEqual(wished, candidates[1]!.wish)
      assert.isUndefined((yield* verified).problem)
    }))

  test("BJ3 instances that a stage took by name are kept with it, and are not too many", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const started = yield* rolled([startWish([candidate(fresh("config"), "2")])])
      const many = Array.from({ length: 1_001 }, (_, n) => `web-${n}`)
      const error = yield* refused([stageWish(started, { below: 0, also: many })])
      assert.deepInclude(error, {
        name: "InvalidInput",
        message: "the stages of a rollout take at most 1000 instances by name"
      })
      const also = many.slice(1)
      const first = yield* rolled([stageWish(started, { below: 0, also })])
      assert.deepStrictEqual(first.begun, [{ revision: first.revision, at: first.at, below: 0, also }])
      assert.deepStrictEqual(rolloutKind.fromLane(JSON.parse(JSON.stringify(rolloutKind.toLane(first)))), first)
      const more = yield* refused([stageWish(first, { below: 0, also: ["one more"] })])
      assert.strictEqual(more.message, error.message)
      const second = yield* rolled([stageWish(first)])
      assert.deepStrictEqual(second.begun[0], first.begun[0])
      assert.deepStrictEqual(yield* store.find("production", started.key), second)
    }))

  test("RQ1 a transition is made in place of the version that it was decided on, by the last owner, and while evidence is what it was", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const started = yield* rolled([startWish([candidate(fresh("config"), "2")])])
      const claims = [yield* store.claim("production", started.key), yield* store.claim("production", started.key)]
      const [before, fence] = claims.map((claim) => claim!.fence) as [bigint, bigint]
      assert.isTrue(before < fence)
      for (const changed of [{ expectedVersion: 2 }, { fence: before }, { bad: 1n }, { due: true }]) {
        const first = yield* rolled([stageWish(started, { bad: 0n, fence })]).pipe(
          Effect.when(Effect.succeed("due" in changed))
        )
        const at = "due" in changed ? (first as { value?: Rollout }).value! : started
        const error = yield* refused([moveWish(at, "paused", { fence, bad: 0n, ...changed })])
        assert.instanceOf(error, Conflict)
        assert.deepInclude(error.details, { key: started.key, current: at.version })
      }
      const now = (yield* store.find("production", started.key))!
      const answers = yield* Effect.all(
        [Effect.result(commit([moveWish(now, "paused")])), Effect.result(commit([moveWish(now, "aborted")]))],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(answers.map(({ _tag }) => _tag).sort(), ["Failure", "Success"])
      assert.isUndefined(yield* store.claim("production", "r0"))
      assert.strictEqual((yield* refused([moveWish({ ...now, key: "r0" }, "paused")])).name, "NotFound")
    }))

  test("RQ1 no stage is left out, none begins again, and what is over stays so", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const started = yield* rolled([startWish([candidate(fresh("config"), "2")])])
      for (const wish of [
        stageWish(started, { stage: 1 }),
        stageWish(started, { stage: -1 }),
        moveWish(started, "deploying"),
        moveWish(started, "baking", { stage: 0 }),
        stageWish(started, { to: "paused" })
      ]) {
        assert.strictEqual((yield* refused([wish])).name, "InvalidInput")
      }
      const first = yield* rolled([stageWish(started)])
      const second = yield* rolled([stageWish(first)])
      assert.strictEqual(second.begun.length, 2)
      assert.strictEqual((yield* refused([stageWish(second)])).name, "InvalidInput")
      assert.strictEqual((yield* refused([moveWish(second, "scheduled")])).name, "InvalidInput")
      assert.strictEqual(
        (yield* refused([moveWish(second, "paused"), moveWish(second, "paused")])).name,
        "InvalidInput"
      )
      const ended = yield* rolled([moveWish(second, "aborted")])
      for (const to of ["paused", "aborted", "baking"] as const)
        assert.strictEqual((yield* refused([moveWish(ended, to)])).name, "RolloutOver")
      // Whoever has not seen that it ended looks again.
      assert.instanceOf(yield* refused([moveWish(second, "aborted")]), Conflict)
      assert.isUndefined(yield* store.claim("production", started.key))
    }))

  test("RQ5 what it waits for is kept by the store's clock, and goes on only when that is over", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const { now } = (yield* Effect.flatMap(rolled([startWish([candidate(fresh("config"), "2")])]), ({ key }) =>
        store.claim("production", key)
      ))!
      const ahead = Math.floor(now) + 600_000
      const later = yield* rolled([startWish([candidate(fresh("config"), "2")], { at: ahead })])
      assert.strictEqual(later.until, ahead)
      assert.instanceOf(yield* refused([stageWish(later, { due: true })]), Conflict)
      const first = yield* rolled([stageWish(later, { lasts: 90_000 })])
      assert.strictEqual(first.until, first.at + 90_000)
      const baking = yield* rolled([moveWish(first, "baking", { lasts: 0 })])
      assert.strictEqual(baking.until, baking.at)
      const second = yield* rolled([stageWish(baking, { due: true, lasts: null })])
      assert.strictEqual(second.until, null)
      assert.instanceOf(yield* refused([moveWish(second, "paused", { due: true })]), Conflict)
      const far = startWish([candidate(fresh("config"), "2")], { at: now + 401 * 86_400_000 })
      assert.strictEqual((yield* refused([far])).name, "ScheduleTime")
    }))

  test("RQ1 rollouts that each stage makes a version of a flag have no candidate, and their base moves on with them", () =>
    Effect.gen(function* () {
      const name = fresh("flag")
      yield* commit([flag(name, ["a", "b"])])
      const raised = { ...candidateOf(flag(name, ["a", "b"])), wish: "", digest: "" }
      const started = yield* rolled([startWish([raised], { plan: plan({ raise: { variant: "b" } }) })])
      assert.deepInclude(started.targets[0], { base: 1, version: 0, digest: "" })
      assert.strictEqual((yield* refused([flag(name, ["a"])])).name, "InRollout")
      const first = yield* rolled([flag(name, ["a", "b"]), stageWish(started)])
      const second = yield* rolled([stageWish(first), flag(name, ["b", "a"])])
      assert.deepStrictEqual([first.targets[0]!.base, second.targets[0]!.base], [2, 3])
      const done = yield* commit([moveWish(second, "completed"), flag(name, ["b"])])
      assert.strictEqual(versionIn(done, 1), 4)
      const config = { ...candidate(fresh("config"), "1"), wish: "" }
      assert.strictEqual((yield* refused([startWish([config])])).name, "InvalidInput")
    }))

  test("RQ1 an environment has so many active ones, and a plan so much, where the turn is decided", () =>
    Effect.gen(function* () {
      const environment = fresh("env").replaceAll(".", "-")
      const begin = (changed: object = {}) => startWish([candidate(fresh("config"), "1")], { environment, ...changed })
      const many = (count: number) => Array.from({ length: count }, () => stage())
      const wrong = [
        begin({ plan: plan({ stages: [] }) }),
        begin({ plan: plan({ stages: many(limits.stages + 1) }) }),
        begin({ candidates: [] }),
        begin({ candidates: Array.from({ length: limits.targets + 1 }, () => candidate(fresh("config"), "1")) }),
        begin({ candidates: [candidate("twice", "1"), candidate("twice", "2")] }),
        begin({ why: { text: "a".repeat(limits.why + 1), readings: [] } }),
        begin({ plan: plan({ stages: [stage({ instances: Array.from({ length: 500 }, () => "a".repeat(200)) })] }) })
      ]
      for (const wish of wrong) assert.strictEqual((yield* refused([wish])).name, "InvalidInput")
      assert.strictEqual((yield* refused([begin(), begin()])).name, "InvalidInput")
      const old = { ...candidate(fresh("config"), "1"), base: 1 }
      assert.instanceOf(yield* refused([begin({ candidates: [old] })]), Conflict)
      const heavy = { ...candidate(fresh("config"), "1"), bytes: limits.candidates + 1 }
      assert.strictEqual((yield* refused([begin({ candidates: [heavy] })])).name, "RolloutsFull")
      const made = yield* Effect.forEach(Array.from({ length: limits.active }), () => rolled([begin()]), {
        concurrency: 20
      })
      assert.strictEqual((yield* refused([begin()])).name, "RolloutsFull")
      yield* commit([moveWish(made[0]!, "aborted")])
      yield* commit([begin()])
    }))

  test("PB1 rollouts are listed newest first, by state and by what they change", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const environment = fresh("env").replaceAll(".", "-")
      const key = fresh("config")
      const begin = (of: string) => rolled([startWish([candidate(of, "1")], { environment })])
      const a = yield* begin(key)
      yield* commit([moveWish(a, "aborted")])
      const b = yield* begin(key)
      const c = yield* begin(fresh("config"))
      const list = (changed: object = {}) =>
        Effect.map(
          store.list(environment, { limit: 10, before: undefined, state: undefined, touching: undefined, ...changed }),
          (found) => found.map((one) => one.key)
        )
      assert.deepStrictEqual(yield* list(), [c.key, b.key, a.key])
      assert.deepStrictEqual(yield* list({ limit: 1, before: c.revision }), [b.key])
      assert.deepStrictEqual(yield* list({ state: "active" }), [c.key, b.key])
      assert.deepStrictEqual(yield* list({ state: "aborted" }), [a.key])
      assert.deepStrictEqual(yield* list({ touching: { kind: "configuration", key } }), [b.key, a.key])
      assert.deepStrictEqual(yield* list({ touching: { kind: "flag", key } }), [])
    }))

  test("XR5 rollouts are listed of which each target is in the scope", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const environment = fresh("env").replaceAll(".", "-")
      const at = fresh("pay")
      const begin = (...of: ReadonlyArray<string>) =>
        rolled([
          startWish(
            of.map((key) => candidate(key, "1")),
            { environment }
          )
        ])
      const mine = yield* begin(`${at}.a`)
      const both = yield* begin(`${at}.b`, `${at}.c`)
      const mixed = yield* begin(`${at}.d`, fresh("other"))
      const near = yield* begin(`${at}x`)
      const list = (kinds: ReadonlyArray<string>, keys: KeyScope, limit = 10) =>
        Effect.map(
          store.list(environment, {
            ...{ limit, before: undefined, state: undefined, touching: undefined },
            scope: { kinds, keys }
          }),
          (found) => found.map((one) => one.key)
        )
      const below = { names: [], prefixes: [`${at}.`] }
      assert.deepStrictEqual(yield* list(["configuration"], below), [both.key, mine.key])
      assert.deepStrictEqual(yield* list(["configuration"], below, 1), [both.key])
      assert.deepStrictEqual(yield* list(["configuration"], { names: [`${at}x`], prefixes: [] }), [near.key])
      assert.deepStrictEqual(yield* list(["flag"], below), [])
      assert.deepStrictEqual(yield* list([], undefined), [])
      const all = [near.key, mixed.key, both.key, mine.key]
      assert.deepStrictEqual(yield* list(["flag", "configuration"], undefined), all)
    }))
}
