/** What every store must do with the places where code names flags. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { SCANS } from "../../src/refs/Ref.ts"
import { RefStore } from "../../src/refs/RefStore.ts"
import { fresh } from "../support/fresh.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, RefStore>) => void

const ref = (flag: string, file: string, line: number) => ({ flag, file, line })
const source = (repository: string, branch = "main", commit = "c1") => ({ repository, branch, commit })

export const refsContract = (test: Test) => {
  test("RK1 what a branch tells replaces what it told before, and nothing of others", () =>
    Effect.gen(function* () {
      const { replace, remove, of, scans } = yield* RefStore
      const environment = fresh("env").replaceAll(".", "-")
      const flag = fresh("flag")
      const files = (limit = 100) =>
        Effect.map(of(environment, flag, limit), (found) =>
          found.map(({ repository, branch, commit, file, line }) => [repository, branch, commit, file, line].join(" "))
        )
      yield* replace(environment, source("b"), "ann", [
        ref(flag, "z.ts", 1),
        ref(flag, "a.ts", 10),
        ref(flag, "a.ts", 9)
      ])
      const kept = yield* replace(environment, source("a", "next"), "ann", [
        ref(flag, "x.ts", 1),
        ref("other", "x.ts", 2)
      ])
      yield* replace("elsewhere", source("a", "next"), "ann", [ref(flag, "y.ts", 1)])
      assert.deepStrictEqual(yield* files(), [
        "a next c1 x.ts 1",
        "b main c1 a.ts 9",
        "b main c1 a.ts 10",
        "b main c1 z.ts 1"
      ])
      assert.deepStrictEqual(yield* files(2), ["a next c1 x.ts 1", "b main c1 a.ts 9"])

      yield* replace(environment, source("b", "main", "c2"), "bob", [ref(flag, "only.ts", 3)])
      assert.deepStrictEqual(yield* files(), ["a next c1 x.ts 1", "b main c2 only.ts 3"])
      const [first, second] = yield* scans(environment)
      assert.deepStrictEqual(first, kept)
      assert.deepInclude(second, { environment, repository: "b", commit: "c2", by: "bob", refs: 1 })

      yield* replace(environment, source("b"), "bob", [])
      assert.strictEqual((yield* scans(environment))[1]!.refs, 0)
      assert.isTrue(yield* remove(environment, source("a", "next")))
      assert.isFalse(yield* remove(environment, source("a", "next")))
      assert.deepStrictEqual(yield* files(), [])
    }))

  test("RK2 an environment has so many branches; one that is there already is told anew all the same", () =>
    Effect.gen(function* () {
      const { replace, scans } = yield* RefStore
      const environment = fresh("env").replaceAll(".", "-")
      yield* Effect.forEach(
        Array.from({ length: SCANS }, (_, n) => n),
        (n) => replace(environment, source("r", `b${n}`), "ann", [])
      )
      assert.strictEqual((yield* Effect.flip(replace(environment, source("r", "more"), "ann", []))).name, "ScansFull")
      yield* replace(environment, source("r", "b0"), "ann", [ref("x", "y", 1)])
      assert.strictEqual((yield* scans(environment)).length, SCANS)
    }))
}
