/** What every store must do with flags. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { type FeatureFlag, type FlagWish, flagKind } from "../../src/flags/FeatureFlag.ts"
import { FlagStore } from "../../src/flags/FlagStore.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { fresh } from "../support/fresh.ts"
import { change, release } from "../support/Release.ts"
import { verified } from "./Verified.ts"

type Services = Commits | FlagStore | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

/** `needs`: {flag: variant}. */
export const flag = (
  key: string,
  variants: ReadonlyArray<string> | null,
  { needs = {}, ...changed }: Partial<FlagWish> & { readonly needs?: Readonly<Record<string, string>> } = {}
): FlagWish => {
  const prerequisites = Object.entries(needs).map(([flag, variant]) => ({ flag, variant }))
  const definition =
    variants === null
      ? null
      : JSON.stringify({
          state: "ENABLED",
          variants: Object.fromEntries(variants.map((name) => [name, name])),
          defaultVariant: variants[0],
          targeting: { if: [true, variants[0]] },
          prerequisites
        })
  return {
    kind: "flag",
    environment: "production",
    key,
    definition,
    digest: definition === null ? "" : digestOf(definition),
    bytes: definition === null ? 0 : definition.length,
    expectedVersion: undefined,
    enabled: true,
    percentage: null,
    targetUsers: null,
    variants: variants ?? [],
    prerequisites,
    ...changed
  }
}

const commit = (...changes: ReadonlyArray<FlagWish | ReturnType<typeof change>>) =>
  Effect.flatMap(Commits, (commits) => commits.commit({ ...release([]), changes: changes as never }))
const refusal = (...changes: ReadonlyArray<FlagWish>) =>
  Effect.map(Effect.flip(commit(...changes)), ({ name, details }) => ({ name, needing: details?.["needing"] }))

export const flagsContract = (test: Test) => {
  test("C1 FS1 a flag's versions count from 1, an archived one's too, and pages have what is there", () =>
    Effect.gen(function* () {
      const store = yield* FlagStore
      const [key, other] = [fresh("flag"), fresh("flag")]
      yield* commit(flag(key, ["a"]), flag(other, ["a"]))
      yield* commit(flag(key, ["a", "b"]))
      yield* commit(flag(key, null))
      const gone = yield* store.page(undefined)
      yield* commit(flag(key, ["c"]))
      const history = yield* store.history("production", key, { limit: 10, before: undefined })
      const before = yield* store.history("production", key, { limit: 1, before: 3 })
      const found: Array<FeatureFlag> = []
      for (let page = yield* store.page(undefined); ; page = yield* store.page(page.next)) {
        found.push(...page.found)
        if (page.next === undefined) break
      }

      assert.deepStrictEqual(
        history.map(({ version, deleted, updatedBy, message }) => [version, deleted, updatedBy, message]),
        [
          [4, false, "tester", "why"],
          [3, true, "tester", "why"],
          [2, false, "tester", "why"],
          [1, false, "tester", "why"]
        ]
      )
      assert.strictEqual(history[0]!.createdAt, history[3]!.createdAt)
      assert.deepStrictEqual(
        before.map(({ version }) => version),
        [2]
      )
      assert.isTrue((yield* store.version("production", key, 3))?.deleted)
      assert.isUndefined(yield* store.version("production", key, 5))
      assert.isFalse(gone.found.some((one) => one.key === key))
      assert.strictEqual(found.find((one) => one.key === key)?.version, 4)
      assert.strictEqual(found.find((one) => one.key === other)?.version, 1)
    }))

  test("W1 W2 a flag and a configuration are one revision, which the log has as it was answered, and an audit finds as it was", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const [key, beside] = [fresh("flag"), fresh("config")]
      const before = yield* log.head
      const { revision } = yield* commit(flag(key, ["a"]), change(beside, "1"))
      const [kept] = (yield* log.after(before.revision, 10))!

      assert.deepStrictEqual(
        revision.changes.map(({ kind }) => kind),
        ["flag", "configuration"]
      )
      assert.deepStrictEqual(kept, revision)
      assert.deepStrictEqual(flagKind.fromLane(flagKind.toLane(revision.changes[0] as never)), revision.changes[0])
      assert.isUndefined((yield* verified).problem)
    }))

  test("FN3 W5 a flag is changed only at the version that was expected", () =>
    Effect.gen(function* () {
      const key = fresh("flag")
      yield* commit(flag(key, ["a"], { expectedVersion: 0 }))

      assert.strictEqual((yield* refusal(flag(key, ["b"], { expectedVersion: 0 }))).name, "VersionConflict")
      assert.strictEqual((yield* refusal(flag(key, ["b"], { expectedVersion: 2 }))).name, "VersionConflict")
      yield* commit(flag(key, null, { expectedVersion: 1 }))
      assert.strictEqual((yield* refusal(flag(key, null))).name, "NotFound")
      yield* commit(flag(key, ["b"], { expectedVersion: 0 }))
    }))

  test("FN1 a prerequisite is there, with the variant, at every commit: of whom needs it, and of whom is needed", () =>
    Effect.gen(function* () {
      const [base, next] = [fresh("base"), fresh("next")]
      assert.strictEqual((yield* refusal(flag(next, ["x"], { needs: { [base]: "on" } }))).name, "InvalidFlag")
      yield* commit(flag(base, ["off"]))
      assert.strictEqual((yield* refusal(flag(next, ["x"], { needs: { [base]: "on" } }))).name, "InvalidFlag")
      yield* commit(flag(base, ["off", "on"]), flag(next, ["x"], { needs: { [base]: "on" } }))
      assert.deepStrictEqual(yield* refusal(flag(base, ["off"])), { name: "FlagNeeded", needing: next })
      assert.deepStrictEqual(yield* refusal(flag(base, null)), { name: "FlagNeeded", needing: next })
      assert.deepStrictEqual(
        yield* refusal(flag(base, null), flag(fresh("third"), ["x"], { needs: { [base]: "on" } })),
        {
          name: "FlagNeeded",
          needing: next
        }
      )
      yield* commit(flag(base, ["on", "more"]))
      yield* commit(flag(base, null), flag(next, ["x"]))
      yield* commit(flag(next, null))
    }))

  test("FN2 prerequisites go in no circle, not over others and not within one release", () =>
    Effect.gen(function* () {
      const [a, b, c] = [fresh("a"), fresh("b"), fresh("c")]
      assert.strictEqual((yield* refusal(flag(a, ["x"], { needs: { [a]: "x" } }))).name, "InvalidFlag")
      yield* commit(flag(a, ["x"]), flag(b, ["x"], { needs: { [a]: "x" } }), flag(c, ["x"], { needs: { [b]: "x" } }))
      assert.strictEqual((yield* refusal(flag(a, ["x"], { needs: { [c]: "x" } }))).name, "InvalidFlag")
      const [d, e] = [fresh("d"), fresh("e")]
      assert.strictEqual(
        (yield* refusal(flag(d, ["x"], { needs: { [e]: "x" } }), flag(e, ["x"], { needs: { [d]: "x" } }))).name,
        "InvalidFlag"
      )
    }))
}
