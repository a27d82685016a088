/** What every store must do with protections and change requests. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { TouchScope } from "../../src/access/About.ts"
import type { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import type { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { approve, open, person, protection } from "../support/Approvals.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import type { verified } from "./Verified.ts"

type Services = ApiKeyStore | ApprovalStore | Commits | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const approvalListsContract = (test: Test) => {
  test("AQ13 a list has those of whose keys each is in the scope, by its kind, page by page, and by what they have become", () =>
    Effect.gen(function* () {
      const store = yield* ApprovalStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      const ask = (...keys: ReadonlyArray<string>) =>
        open(
          ann,
          environment,
          keys.map((key) => change(key, "1", { environment }))
        )
      const [one, other, both] = [yield* ask("pay.a"), yield* ask("other"), yield* ask("pay.b", "other.b")]
      const protecting = yield* open(ann, environment, [protection(environment, "p", ["pay.*"])], "protect")
      yield* approve(one, bob)
      const last = yield* ask("pay.c")
      const list = (scope: TouchScope, more: object = {}) =>
        Effect.map(
          store.list(environment, { limit: 10, before: undefined, state: undefined, ...more, scope }),
          (found) => found.map(({ key }) => key)
        )
      const keys = (...prefixes: ReadonlyArray<string>) => ({ names: [], prefixes })
      const all = [last, protecting, both, other, one].map(({ key }) => key)
      assert.deepStrictEqual(yield* list(undefined), all)
      const scope = { kinds: ["config", "flag"], keys: keys("pay.") }
      assert.deepStrictEqual(yield* list(scope), [last.key, one.key])
      assert.deepStrictEqual(yield* list(scope, { limit: 1 }), [last.key])
      assert.deepStrictEqual(yield* list(scope, { before: last.revision }), [one.key])
      assert.deepStrictEqual(yield* list(scope, { state: "approved" }), [one.key])
      assert.deepStrictEqual(yield* list(scope, { state: "open" }), [last.key])
      assert.deepStrictEqual(yield* list({ ...scope, kinds: ["flag"] }), [])
      assert.deepStrictEqual(
        yield* list({ kinds: ["config"], keys: undefined }),
        all.filter((key) => key !== protecting.key)
      )
    }))
}
