/** Who counts as a second person: every store must say so. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import { REVIEWS } from "../../src/approvals/ChangeRequest.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import {
  apply,
  approve,
  by,
  commit,
  end,
  open,
  outcome,
  type Person,
  person,
  protect,
  stateOf
} from "../support/Approvals.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { candidateOf, stageWish, startWish } from "../support/RolloutWishes.ts"
import { start as experiment } from "./ExperimentStores.ts"
import { flag } from "./FlagStores.ts"
import { segment } from "./SegmentStores.ts"

type Services = ApiKeyStore | ApprovalStore | Commits | RevisionLog | RolloutStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

/** With a key that somebody made. */
const madeBy = (name: string, maker: Pick<Person, "name">, changed: Parameters<typeof person>[1] = {}) =>
  person(name, { createdBy: maker.name, ...changed })

/** Whether one may approve what the other asks for. */
const judged = Effect.fnUntraced(function* (environment: string, author: Person, approver: Person) {
  const request = yield* open(author, environment, [change(fresh("k"), "1", { environment })])
  return yield* outcome(approve(request, approver))
})

const broken = (environment: string, who: Person, key = "k") =>
  commit(
    [
      change(key, "glass", { environment }),
      ...[{ kind: "approval", environment, key: "", op: "glass", touches: [], rights: [], reason: "fire" }]
    ],
    by(who)
  )

export const approvalPersonsContract = (test: Test) => {
  test("AQ10 nobody is two persons by keys that they made, whoever of them asks, approves or looks at it", () =>
    Effect.gen(function* () {
      const store = yield* ApprovalStore
      const environment = fresh("env")
      yield* protect(environment, ["*"])
      const [ann, bob] = [yield* person("ann", { role: "admin" }), yield* person("bob", { role: "admin" })]
      const [bot, twin] = [yield* madeBy("bot", ann), yield* madeBy("twin", ann)]
      const below = yield* madeBy("below", bot)
      const other = yield* madeBy("other", bob)
      for (const [a, b, becomes] of [
        [ann, bot, "OwnChange"],
        [ann, below, "OwnChange"],
        [bot, twin, "OwnChange"],
        [below, twin, "OwnChange"],
        [ann, bob, "done"],
        [bot, other, "done"],
        [ann, other, "done"]
      ] as const) {
        assert.strictEqual(yield* judged(environment, a, b), becomes, `${b.name} of ${a.name}`)
        assert.strictEqual(yield* judged(environment, b, a), becomes, `${a.name} of ${b.name}`)
      }
      yield* broken(environment, ann)
      const [review] = yield* store.list(environment, {
        limit: 1,
        before: undefined,
        state: "review",
        scope: undefined
      })
      assert.strictEqual(yield* outcome(end(review!, "review", bot)), "OwnChange")
      assert.strictEqual(yield* outcome(end(review!, "review", other)), "done")
    }))

  test("AQ10 a key that somebody else rotates is its holder's and theirs, and no more its maker's", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      const environment = fresh("env")
      const [ann, bob] = [yield* person("ann", { role: "admin" }), yield* person("bob", { role: "admin" })]
      const bot = yield* madeBy("bot", ann)
      assert.strictEqual(yield* judged(environment, ann, bot), "OwnChange")
      const turned = { ...bot, id: fresh("k").slice(-16), createdBy: bob.name }
      assert.isTrue(yield* keys.rotate(bot.id, turned, { until: Date.now() + 60_000 }))
      assert.strictEqual(yield* judged(environment, ann, bot), "OwnChange", "the old one works for a while")
      assert.strictEqual(yield* judged(environment, ann, turned), "done")
      assert.strictEqual(yield* judged(environment, bob, turned), "OwnChange")
    }))

  test("AQ15 what the first admin made is its holders' once no key of the first is good, and not of any other admin", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      const environment = fresh("env")
      const first = yield* person("first", { role: "admin" })
      const [ann, bob] = [yield* madeBy("ann", first, { role: "admin" }), yield* madeBy("bob", first)]
      assert.strictEqual(yield* judged(environment, ann, bob), "OwnChange")
      const [p, q] = [yield* madeBy("p", ann), yield* madeBy("q", ann)]
      const request = yield* open(ann, environment, [change("k", "1", { environment })])
      yield* keys.revoke(first.id, "tester")
      assert.strictEqual(yield* outcome(approve(request, bob)), "done")
      assert.strictEqual(yield* stateOf(request), "approved")
      yield* keys.revoke(ann.id, "tester")
      assert.strictEqual(yield* judged(environment, p, q), "OwnChange")
      yield* person("first", { name: first.name, role: "admin" })
      assert.strictEqual(yield* stateOf(request), "open", "the first is back")
    }))

  test("AQ14 approvals are counted by persons, not by principals", () =>
    Effect.gen(function* () {
      const environment = fresh("env")
      yield* protect(environment, ["*"], { approvals: 2 })
      const [ann, bob] = [yield* person("ann"), yield* person("bob", { role: "admin" })]
      const wishes = [change("k", "1", { environment })]
      const request = yield* open(ann, environment, wishes, "publish", { needed: 2 })
      for (const who of [bob, yield* madeBy("puppet", bob), yield* madeBy("second", bob)]) yield* approve(request, who)
      assert.strictEqual(yield* stateOf(request), "open")
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired")
      yield* approve(request, yield* person("cid"))
      assert.strictEqual(yield* stateOf(request), "approved")
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "done")
    }))

  test("AQ5 an approval has the role and environments of the key that gave it, whatever else its principal has", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      const [environment, ann] = [fresh("env"), yield* person("ann")]
      yield* protect(environment, ["*"], { roles: ["admin"] })
      const wishes = [change("k", "5", { environment })]
      const request = yield* open(ann, environment, wishes)
      const far = yield* person("far", { role: "admin", environments: ["elsewhere"] })
      yield* person("far", { name: far.name, role: "admin" })
      yield* approve(request, far)
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "with the key of elsewhere")
      const dan = yield* person("dan")
      const able = yield* person("dan", { name: dan.name, role: "admin" })
      yield* approve(request, dan)
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "with the key of a publisher")
      yield* keys.rotate(dan.id, { ...dan, id: fresh("k").slice(-16) }, { until: 1 })
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "which has ended")
      yield* approve(request, able, { role: "publisher" })
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "with a token of less")
      yield* approve(request, able)
      const turned = { ...able, id: fresh("k").slice(-16), role: "publisher" as const }
      yield* keys.rotate(able.id, turned, { until: 1 })
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "which it has no more")
      yield* person("dan", { name: dan.name, role: "admin" })
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "done")
    }))

  test("AQ6 what goes on by itself counts for approvals of the roles that it had, and in its environment alone", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      const key = fresh("config")
      yield* protect(environment, [key], { kinds: ["config"] })
      const wishes = [startWish([candidateOf(change(key, "2", { environment }))], { environment })]
      const request = yield* open(ann, environment, wishes, "rollout")
      yield* approve(request, bob)
      const { revision } = yield* apply(request, wishes, ann, { release: { action: "rollout" } })
      const started = revision.changes.find(({ kind }) => kind === "rollout") as Rollout
      const { fence } = (yield* store.claim(environment, started.key))!
      yield* protect(environment, [key], { kinds: ["config"], roles: ["admin"], key: "q" })
      const on = commit([stageWish(started, { fence })], { action: "rollout", ...by(ann) })
      assert.strictEqual(yield* outcome(on), "ApprovalRequired", "a publisher approved it")

      const [here, there] = [fresh("env"), fresh("env")]
      const started2 = (yield* commit(
        [startWish([candidateOf(change(key, "2", { environment: here }))], { environment: here })],
        {
          action: "rollout"
        }
      )).revision.changes[0] as Rollout
      yield* protect(there, [key])
      const beside = change(key, "3", { environment: there })
      const { aborted } = { aborted: { ...stageWish(started2), to: "aborted", stage: started2.stage } }
      assert.strictEqual(
        yield* outcome(commit([aborted, beside], { action: "rollout", ...by(ann) })),
        "ApprovalRequired",
        "the same key elsewhere"
      )
    }))

  test("AQ8 what a change touches says which protections it breaks", () =>
    Effect.gen(function* () {
      const store = yield* ApprovalStore
      const environment = fresh("env")
      const at = (wish: object) => ({ ...wish, environment }) as Parameters<typeof store.protecting>[1][number]
      yield* commit([at(segment("beta")), at(flag("shop", ["on"], { uses: ["beta"] }))], { action: "release" })
      yield* protect(environment, ["pay.*"], { kinds: ["config"] })
      yield* protect(environment, ["shop"], { key: "shops", kinds: ["flag"] })
      yield* protect(environment, ["other"], { key: "rollouts", kinds: ["rollout"] })
      const names = (...wishes: ReadonlyArray<object>) =>
        Effect.map(store.protecting(environment, wishes.map(at)), (found) => found.map(({ key }) => key))
      assert.deepStrictEqual(yield* names(change("k", "1")), [])
      assert.deepStrictEqual(yield* names(change("pay.limit", "1"), segment("beta")), ["p", "shops"])
      assert.deepStrictEqual(yield* names(change("herald.variables", "{}")), ["p"])
      const start = startWish([candidateOf(change("other", "2", { environment }))], { environment })
      assert.deepStrictEqual(yield* names(start), ["rollouts"])
      assert.deepStrictEqual(yield* names({ kind: "protection", key: "shops" }), ["shops"])
      yield* protect(environment, ["split"], { key: "tests", kinds: ["experiment"] })
      assert.deepStrictEqual(yield* names(experiment(environment, "first", { flag: "split" })), ["tests"])
    }))

  test("AQ8 a broken glass frees what is in its own environment, and nothing of another one in the same release", () =>
    Effect.gen(function* () {
      const [here, there, ann] = [fresh("env"), fresh("env"), yield* person("ann")]
      for (const environment of [here, there]) yield* protect(environment, ["*"])
      const glass = (environment: string) => ({
        ...{ kind: "approval", environment, key: "", op: "glass", touches: [], rights: [], reason: "fire" }
      })
      const both = [change("k", "1", { environment: here }), change("k", "1", { environment: there })]
      const asked = (...wishes: ReadonlyArray<Parameters<typeof commit>[0][number]>) => outcome(commit(wishes, by(ann)))
      assert.strictEqual(yield* asked(...both, glass(here)), "ApprovalRequired")
      assert.strictEqual(yield* asked(...both, glass(here), glass(there)), "done")
    }))

  test("AQ9 so many reviews of broken glass are open, and whoever closes one makes room", () =>
    Effect.gen(function* () {
      const store = yield* ApprovalStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      for (let n = 0; n < REVIEWS; n++) yield* broken(environment, ann)
      assert.strictEqual(yield* outcome(broken(environment, ann)), "ChangesFull")
      const [review] = yield* store.list(environment, {
        limit: 1,
        before: undefined,
        state: "review",
        scope: undefined
      })
      yield* end(review!, "review", bob)
      assert.strictEqual(yield* outcome(broken(environment, ann)), "done")
    }))

  test("AQ4 AQ5 an approval that is raced by others, applied again and under another key of the author: done once or never", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const environment = fresh("env")
      const [ann, bob, root] = [yield* person("ann"), yield* person("bob"), yield* person("root")]
      yield* protect(environment, ["k"])
      const second = yield* person("ann", { name: ann.name })
      for (let n = 0; n < 8; n++) {
        const wishes = [change("k", `${n}`, { environment })]
        const request = yield* open(ann, environment, wishes)
        yield* approve(request, bob)
        const before = (yield* log.head).revision
        const [first, other, glass, ...more] = yield* Effect.all(
          [
            outcome(apply(request, wishes, ann)),
            outcome(apply(request, wishes, second)),
            outcome(broken(environment, root)),
            outcome(approve(request, second)),
            outcome(end(request, "withdraw", second)),
            outcome(commit(wishes, by(second)))
          ],
          { concurrency: "unbounded" }
        )
        const state = yield* stateOf(request)
        const applied = [first, other].filter((one) => one === "done").length
        assert.strictEqual(applied, state === "applied" ? 1 : 0, `${first}, ${other}, ${state}`)
        assert.deepStrictEqual([glass, more[2]], ["done", "ApprovalRequired"])
        assert.notStrictEqual(more[0], "done")
        const values = (yield* log.after(before, 20))!.flatMap(({ changes }) =>
          changes.flatMap((one) =>
            one.kind === "configuration" ? [(one as unknown as { readonly value: string }).value] : []
          )
        )
        assert.deepStrictEqual(values.toSorted(), applied === 1 ? [`${n}`, "glass"] : ["glass"])
        assert.notStrictEqual(yield* outcome(apply(request, wishes, second)), "done", "again")
      }
    }))

  test("AQ4 a request that was checked in another epoch is not taken, at whatever revision its bases are", () =>
    Effect.gen(function* () {
      const [environment, ann] = [fresh("env"), yield* person("ann")]
      const wishes = [change("k", "5", { environment })]
      assert.strictEqual(
        yield* outcome(open(ann, environment, wishes, "publish", { epoch: "another" })),
        "VersionConflict"
      )
    }))
}
