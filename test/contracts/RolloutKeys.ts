/** What every store must do with the keys of rollouts, and with their candidates. Run by Rollouts.test.ts, on memory and PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Commits } from "../../src/commits/Commits.ts"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { FeatureFlag } from "../../src/flags/FeatureFlag.ts"
import { FlagStore } from "../../src/flags/FlagStore.ts"
import type { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import {
  candidate,
  candidateOf,
  commit,
  moveWish,
  promoted,
  refused,
  rolled,
  stageWish,
  startWish
} from "../support/RolloutWishes.ts"
import { flag } from "./FlagStores.ts"
import { verified } from "./Verified.ts"

type Services = Commits | RolloutStore | ConfigurationStore | FlagStore | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const versionIn = ({ revision }: { readonly revision: { readonly changes: ReadonlyArray<object> } }, n = 0): number =>
  (revision.changes[n] as Configuration | FeatureFlag).version

const present = Effect.gen(function* () {
  const store = yield* RolloutStore
  const found: Array<Rollout> = []
  for (let after = 0n; ; ) {
    const page = yield* store.present(after, 3)
    if (page.length === 0) return found
    found.push(...page)
    after = page.at(-1)!.revision
  }
})
const isPresent = (of: Rollout) => Effect.map(present, (all) => all.some(({ key }) => key === of.key))

export const rolloutKeysContract = (test: Test) => {
  test("RQ3 a key of a rollout changes in its transitions alone, whatever the change is and however it comes", () =>
    Effect.gen(function* () {
      const [key, name, other] = [fresh("config"), fresh("flag"), fresh("config")]
      yield* commit([change(key, "1"), flag(name, ["a"])])
      const started = yield* rolled([startWish([candidate(key, "2"), candidateOf(flag(name, ["a", "b"]))])])
      const second = yield* rolled([startWish([candidate(other, "2")])])
      for (const changes of [
        [change(key, "3")],
        [change(key, "3", { expectedVersion: 1 })],
        [change(key, null)],
        [flag(name, ["c"])],
        [flag(name, null)],
        [change(fresh("config"), "1"), change(key, "3")],
        [...Array.from({ length: 8 }, () => flag(fresh("flag"), ["a"])), flag(name, ["c"])],
        [change(key, "3"), moveWish(second, "aborted")],
        [change(key, "3"), moveWish(started, "paused")],
        [{ ...change(key, "2"), candidate: 2 }],
        [startWish([candidate(key, "4")])]
      ]) {
        const error = yield* refused(changes)
        assert.strictEqual(error.name, "InRollout")
        assert.deepInclude(error.details, { environment: "production", rollout: started.key })
        assert.include(error.message, started.key)
      }
      assert.strictEqual(
        (yield* refused([change(fresh("config"), "3"), startWish([candidate(other, "4")])])).name,
        "InRollout"
      )
      const both = fresh("config")
      assert.strictEqual((yield* refused([change(both, "3"), startWish([candidate(both, "4")])])).name, "InvalidInput")
      yield* commit([change(key, "3", { environment: "staging" }), change(fresh("config"), "1")]) // neither is in it

      const forced = yield* commit([moveWish(started, "aborted"), change(key, "3")])
      assert.strictEqual(versionIn(forced, 1), 3)
      assert.strictEqual(versionIn(yield* commit([flag(name, ["c"])])), 3)
      assert.isUndefined((yield* verified).problem)
    }))

  test("RQ4 the transition that completes it commits its candidates, all of them, as they were written and under their numbers", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const [key, name] = [fresh("config"), fresh("flag")]
      yield* commit([change(key, "1"), flag(name, ["a"])])
      const candidates = [candidate(key, "2"), candidateOf(flag(name, ["a", "b"]))]
      const started = yield* rolled([startWish(candidates)])
      const [config, its] = candidates.map((one) => promoted(one, started))
      const done = moveWish(started, "completed")
      for (const changes of [
        [done],
        [done, config!],
        [done, config!, { ...its!, candidate: undefined }],
        [done, config!, { ...its!, candidate: 3 }],
        [done, { ...config!, ...change(key, "other"), candidate: 2 }, its!]
      ]) {
        assert.include(["InvalidInput", "InRollout"], (yield* refused(changes)).name)
      }
      assert.strictEqual((yield* refused([{ ...change(fresh("config"), "1"), candidate: 1 }])).name, "InvalidInput")
      assert.strictEqual((yield* store.current("production", key))?.version, 1)
      const made = yield* commit([done, config!, its!])
      assert.deepStrictEqual([versionIn(made, 1), versionIn(made, 2)], [2, 2])
      const current = yield* store.current("production", key)
      assert.deepInclude(current, { version: 2, value: "2", revision: made.revision.revision })
      assert.deepStrictEqual(
        [versionIn(yield* commit([change(key, "3")])), versionIn(yield* commit([flag(name, ["c"])]))],
        [3, 3]
      )
      assert.isUndefined((yield* verified).problem)
    }))

  test("RQ4 a candidate that is taken back is never current, and no other version ever has its number", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const [key, name, none] = [fresh("config"), fresh("flag"), fresh("config")]
      yield* commit([change(key, "1"), flag(name, ["a"])])
      const candidates = [candidate(key, "2"), candidateOf(flag(name, ["a", "b"])), candidate(none, "1")]
      const numbers = ({ targets }: Rollout) => targets.map(({ version }) => version)
      const started = yield* rolled([startWish(candidates)])
      assert.deepStrictEqual(numbers(started), [2, 2, 1])
      assert.strictEqual((yield* store.current("production", key))?.version, 1)
      const first = yield* rolled([stageWish(started)])
      const back = yield* rolled([moveWish(first, "rolled_back")])
      const again = yield* rolled([startWish(candidates)])
      assert.deepStrictEqual(numbers(again), [3, 3, 2])
      assert.deepStrictEqual(
        again.targets.map(({ since }) => since),
        [back.revision, back.revision, back.revision]
      )
      yield* rolled([moveWish(again, "aborted")])
      const published = [
        yield* commit([change(key, "4", { expectedVersion: 1 }), change(none, "4", { expectedVersion: 0 })]),
        yield* commit(Array.from({ length: 8 }, (_, n) => flag(n === 0 ? name : fresh("flag"), ["d"])))
      ]
      assert.deepStrictEqual(
        [versionIn(published[0]!), versionIn(published[0]!, 1), versionIn(published[1]!)],
        [4, 3, 4]
      )
      assert.strictEqual(versionIn(yield* commit([change(key, "5")])), 5)
      assert.isUndefined((yield* verified).problem)
    }))

  test("RQ3 RQ4 of two rollouts of a key one begins, and a publish beside the end of one is before it and refused, or after it", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      for (let n = 0; n < 8; n++) {
        const key = fresh("config")
        const one = candidate(key, "2")
        const both = { concurrency: 2 } as const
        const begun = yield* Effect.all(
          [Effect.result(rolled([startWish([one])])), Effect.result(rolled([startWish([one])]))],
          both
        )
        const started = begun.filter(({ _tag }) => _tag === "Success")
        assert.strictEqual(started.length, 1)
        const rollout = (started[0] as { readonly success: Rollout }).success
        const end =
          n % 2 === 0 ? [moveWish(rollout, "completed"), promoted(one, rollout)] : [moveWish(rollout, "aborted")]
        const [ended, published] = yield* Effect.all(
          [Effect.result(commit(end)), Effect.result(commit([change(key, "3")]))],
          both
        )
        assert.strictEqual(ended._tag, "Success")
        if (published._tag === "Success") assert.strictEqual(versionIn(published.success), 2)
        else assert.strictEqual(published.failure.name, "InRollout")
        const version = published._tag === "Success" ? 2 : n % 2 === 0 ? 1 : undefined
        assert.strictEqual((yield* store.current("production", key))?.version, version)
      }
    }))

  test("RQ4 C1 history has candidates beside what is or was current, and says what they are; none of them is ever current", () =>
    Effect.gen(function* () {
      const [store, flags] = [yield* ConfigurationStore, yield* FlagStore]
      const [key, name, none] = [fresh("config"), fresh("flag"), fresh("config")]
      yield* commit([change(key, "1"), flag(name, ["a"])])
      const all = { limit: 10, before: undefined }
      const candidates = [
        candidateOf(change(key, '{"a":1.10}', { valueType: "json", schema: { type: "object" }, strict: true })),
        candidateOf(flag(name, ["a", "b"])),
        candidate(none, "1")
      ]
      const started = yield* rolled([startWish(candidates)], { actor: "ann", message: "because" })
      const its = (state: "candidate" | "withdrawn") => ({ id: started.key, state })
      const found = (yield* store.version("production", key, 2))!
      assert.deepInclude(found, {
        version: 2,
        value: '{"a":1.10}',
        valueType: "json",
        schema: { type: "object" },
        strict: true,
        deleted: false,
        digest: candidates[0]!.digest,
        updatedBy: "ann",
        updatedAt: started.at,
        revision: started.revision,
        rollout: its("candidate")
      })
      assert.strictEqual(found.createdAt, (yield* store.version("production", key, 1))!.createdAt)
      assert.deepStrictEqual(yield* store.history("production", none, all), [
        (yield* store.version("production", none, 1))!
      ])
      assert.isUndefined(yield* store.current("production", none))
      assert.strictEqual((yield* store.current("production", key))!.version, 1)
      const wished = (yield* flags.version("production", name, 2))!
      assert.deepInclude(wished, { version: 2, message: "because", rollout: its("candidate") })
      assert.include(wished.definition, '"b"')

      yield* commit([moveWish(started, "aborted"), change(none, "other")])
      const again = yield* rolled([startWish([candidate(key, "3")])])
      yield* commit([moveWish(again, "completed"), promoted(candidate(key, "3"), again), flag(name, ["c"])])
      const shown = (versions: ReadonlyArray<Pick<Configuration | FeatureFlag, "version" | "rollout">>) =>
        versions.map(({ version, rollout }) => [version, rollout?.state])
      assert.deepStrictEqual(shown(yield* store.history("production", key, all)), [
        [3, "promoted"],
        [2, "withdrawn"],
        [1, undefined]
      ])
      assert.strictEqual((yield* store.version("production", key, 2))?.revision, started.revision)
      assert.deepStrictEqual(shown(yield* store.history("production", key, { limit: 1, before: 3 })), [
        [2, "withdrawn"]
      ])
      assert.deepStrictEqual(shown(yield* flags.history("production", name, all)), [
        [3, undefined],
        [2, "withdrawn"],
        [1, undefined]
      ])
      assert.deepStrictEqual(shown(yield* flags.history("production", name, { limit: 1, before: 3 })), [
        [2, "withdrawn"]
      ])
      assert.deepStrictEqual(shown(yield* store.history("production", none, all)), [
        [2, undefined],
        [1, "withdrawn"]
      ])
    }))

  test("RQ2 nodes have to know those that are active, and those taken back from someone whose targets nobody changed since", () =>
    Effect.gen(function* () {
      const [key, none] = [fresh("config"), fresh("config")]
      yield* commit([change(key, "1")])
      const never = yield* rolled([startWish([candidate(key, "2")])])
      assert.isTrue(yield* isPresent(never))
      yield* commit([moveWish(never, "aborted")])
      assert.isFalse(yield* isPresent(never))
      const started = yield* rolled([startWish([candidate(key, "2"), candidate(none, "1")])])
      const back = yield* Effect.flatMap(rolled([stageWish(started)]), (first) =>
        rolled([moveWish(first, "rolled_back")])
      )
      assert.isTrue(yield* isPresent(back))
      yield* commit([change(key, "3")])
      assert.isTrue(yield* isPresent(back))
      yield* commit([change(none, "3")])
      assert.isFalse(yield* isPresent(back))
      const one = candidate(key, "4")
      const next = yield* rolled([startWish([one])])
      const done = yield* rolled([moveWish(next, "completed"), promoted(one, next)])
      assert.isFalse(yield* isPresent(done))
    }))
}
