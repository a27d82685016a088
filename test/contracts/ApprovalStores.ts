/** What every store must do with protections and change requests. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import { approvalKind, CHANGES_EACH, type ChangeRequest } from "../../src/approvals/ChangeRequest.ts"
import { type Protection, protectionKind } from "../../src/approvals/Protection.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import {
  apply,
  approve,
  by,
  commit,
  end,
  open,
  opening,
  outcome,
  person,
  protect,
  protection,
  stateOf
} from "../support/Approvals.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { verified } from "./Verified.ts"

type Services = ApiKeyStore | ApprovalStore | Commits | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const approvalsContract = (test: Test) => {
  test("W1 protections and requests are in the log as they were answered, and an audit finds them as they were", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const store = yield* ApprovalStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      const before = yield* log.head
      const made = (yield* protect(environment, ["pay.*"], { kinds: ["config"], approvals: 2 })).revision
      const wishes = [change("pay.limit", "5", { environment })]
      const request = yield* open(ann, environment, wishes)
      yield* approve(request, bob)
      const [first, second, third] = (yield* log.after(before.revision, 10))!

      const one = made.changes[0] as Protection
      assert.deepStrictEqual(first, made)
      assert.deepStrictEqual(protectionKind.fromLane(protectionKind.toLane(one)), one)
      assert.deepInclude(one, { patterns: ["pay.*"], kinds: ["config"], approvals: 2, version: 1 })
      assert.deepStrictEqual(yield* store.protections(environment), [one])
      assert.deepStrictEqual(second?.changes[0], request)
      assert.deepStrictEqual(approvalKind.fromLane(approvalKind.toLane(request)), request)
      assert.deepInclude(request, { state: "open", author: ann.name, action: "publish", approvals: [], version: 1 })
      assert.deepInclude(third?.changes[0] as ChangeRequest, { version: 2, state: "approved" })
      const held = (yield* store.find(environment, request.key))!
      assert.deepStrictEqual(held.request, third?.changes[0])
      assert.strictEqual(held.keyId, ann.id)
      assert.deepStrictEqual(held.approvers, [{ name: bob.name, keyId: bob.id, holds: true, until: null }])
      assert.deepStrictEqual(
        yield* store.list(environment, { limit: 5, before: undefined, state: "approved", scope: undefined }),
        [held.request]
      )
      assert.deepStrictEqual(
        yield* store.list(environment, { limit: 5, before: undefined, state: "open", scope: undefined }),
        []
      )
      assert.deepStrictEqual(
        yield* store.list(environment, { limit: 5, before: request.revision, state: undefined, scope: undefined }),
        []
      )
      assert.isUndefined((yield* verified).problem)
    }))

  test("AQ1 what is protected is not changed without an approval, by whatever kind of change; what is not, is", () =>
    Effect.gen(function* () {
      const environment = fresh("env")
      const ann = yield* person("ann")
      yield* commit([change("pay.limit", "1", { environment })])
      yield* protect(environment, ["pay.*"], { kinds: ["config"] })
      const one = change("pay.limit", "2", { environment })
      assert.strictEqual(yield* outcome(commit([one], by(ann))), "ApprovalRequired")
      const gone = change("pay.limit", null, { environment })
      assert.strictEqual(yield* outcome(commit([gone], { action: "delete", ...by(ann) })), "ApprovalRequired")
      const among = [change("other", "1", { environment }), one]
      assert.strictEqual(yield* outcome(commit(among, { action: "release", ...by(ann) })), "ApprovalRequired")
      const variables = change("herald.variables", "{}", { environment })
      assert.strictEqual(yield* outcome(commit([variables], by(ann))), "ApprovalRequired")
      assert.strictEqual(yield* outcome(commit([change("other", "1", { environment })], by(ann))), "done")
      assert.strictEqual(yield* outcome(commit([change("pay.limit", "2", { environment: fresh("env") })])), "done")
      const later = {
        ...{ kind: "schedule", environment, key: "", state: "pending", dueAt: null, afterMillis: 60_000 },
        ...{ touches: [{ kind: "configuration", key: "pay.limit", expected: null }], body: "{}", digest: "", bytes: 2 }
      }
      assert.strictEqual(yield* outcome(commit([later], { action: "schedule" })), "ApprovalRequired")
    }))

  test("AQ2 an approval is of a digest, and what is applied is what was asked for, nothing else", () =>
    Effect.gen(function* () {
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      yield* protect(environment, ["*"])
      const wishes = [change("k", "5", { environment })]
      const request = yield* open(ann, environment, wishes)
      assert.strictEqual(yield* outcome(approve(request, bob, { digest: "0".repeat(64) })), "ChangeDiffers")
      yield* approve(request, bob)
      assert.strictEqual(yield* outcome(apply(request, [change("k", "6", { environment })], ann)), "ChangeDiffers")
      const more = [...wishes, change("also", "1", { environment })]
      assert.strictEqual(yield* outcome(apply(request, more, ann)), "ChangeDiffers")
      assert.strictEqual(yield* outcome(apply(request, wishes, ann, { digest: "0".repeat(64) })), "ChangeDiffers")
      assert.strictEqual(
        yield* outcome(apply(request, wishes, ann, { release: { action: "rollback" } })),
        "ChangeDiffers"
      )
      assert.strictEqual(yield* outcome(apply(request, wishes, bob)), "ChangeDiffers")
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "done")
    }))

  test("AQ3 nobody approves their own, with whatever key; each principal counts once", () =>
    Effect.gen(function* () {
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      yield* protect(environment, ["*"], { approvals: 2 })
      const wishes = [change("k", "5", { environment })]
      const request = yield* open(ann, environment, wishes)
      const other = yield* person("ann", { name: ann.name })
      assert.strictEqual(yield* outcome(approve(request, ann)), "OwnChange")
      assert.strictEqual(yield* outcome(approve(request, other)), "OwnChange")
      yield* approve(request, bob)
      yield* approve(request, yield* person("bob", { name: bob.name }))
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired")
      yield* approve(request, yield* person("cid"))
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "done")
    }))

  test("AQ4 what was approved is void once a base of it was changed, and stays so", () =>
    Effect.gen(function* () {
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      yield* commit([change("k", "1", { environment })])
      const wishes = [change("k", "5", { environment })]
      const stale = yield* opening(environment, wishes)
      const request = yield* open(ann, environment, wishes)
      assert.strictEqual(
        yield* outcome(apply(request, wishes, ann)),
        "ApprovalRequired",
        "of what nobody protects, too"
      )
      yield* approve(request, bob)
      assert.strictEqual(yield* stateOf(request), "approved")
      yield* commit([change("k", "2", { environment })])
      assert.strictEqual(yield* stateOf(request), "void")
      yield* commit([change("k", "1", { environment })])
      assert.strictEqual(yield* stateOf(request), "void")
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ChangeVoid")
      assert.strictEqual(yield* outcome(approve(request, yield* person("cid"))), "ChangeVoid")
      assert.strictEqual(yield* outcome(commit([stale], { action: "request", ...by(ann) })), "VersionConflict")
    }))

  test("AQ5 it is applied once, and by approvals that still count", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      const [environment, ann] = [fresh("env"), yield* person("ann")]
      yield* protect(environment, ["*"], { roles: ["admin"] })
      const wishes = [change("k", "5", { environment })]
      const request = yield* open(ann, environment, wishes)
      yield* approve(request, yield* person("bob"))
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "of another role")
      yield* approve(request, yield* person("eva", { role: "admin", environments: ["elsewhere"] }))
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "of another environment")
      const cid = yield* person("cid", { role: "admin" })
      yield* approve(request, cid)
      yield* person("cid", { name: cid.name, role: "admin" })
      yield* keys.revoke(cid.id, "tester")
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "revoked")
      const dan = yield* person("dan", { role: "admin" })
      yield* approve(request, dan)
      assert.strictEqual(yield* outcome(apply(request, wishes, ann, { approvers: [] })), "ApprovalRequired", "narrowed")
      yield* approve(request, dan, { until: 1 })
      assert.strictEqual(yield* outcome(apply(request, wishes, ann)), "ApprovalRequired", "too long ago")
      yield* approve(request, dan)
      const both = yield* Effect.all([outcome(apply(request, wishes, ann)), outcome(apply(request, wishes, ann))], {
        concurrency: 2
      })
      assert.deepStrictEqual(both.sort(), ["ChangeOver", "done"])
      assert.strictEqual(yield* stateOf(request), "applied")
      assert.strictEqual(yield* outcome(approve(request, dan)), "ChangeOver")
      const late = yield* open(ann, environment, [change("late", "1", { environment })], "publish", { lasts: -1 })
      assert.strictEqual(yield* stateOf(late), "expired")
      assert.strictEqual(yield* outcome(approve(late, dan)), "ChangeOver")
      const no = yield* open(ann, environment, [change("no", "1", { environment })])
      yield* approve(no, dan)
      yield* end(no, "reject", dan)
      assert.strictEqual(yield* outcome(apply(no, [change("no", "1", { environment })], ann)), "ChangeOver")
      assert.isUndefined((yield* verified).problem)
    }))

  test("AQ7 a protection is added by one, and changed or taken away by as many as it asks for", () =>
    Effect.gen(function* () {
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      yield* protect(environment, ["a.*"])
      assert.strictEqual(yield* outcome(commit([protection(environment, "q", ["b.*"])], { action: "protect" })), "done")
      const lower = protection(environment, "p", ["nothing"])
      const gone = protection(environment, "p", ["a.*"], { deleted: true })
      for (const wish of [lower, gone])
        assert.strictEqual(yield* outcome(commit([wish], { action: "protect", ...by(ann) })), "ApprovalRequired")
      const request = yield* open(ann, environment, [gone], "protect")
      yield* approve(request, bob)
      assert.strictEqual(yield* outcome(apply(request, [gone], ann, { release: { action: "protect" } })), "done")
      assert.strictEqual(yield* outcome(commit([change("a.k", "1", { environment })])), "done")
      assert.strictEqual(yield* outcome(commit([change("b.k", "1", { environment })])), "ApprovalRequired")
      assert.strictEqual(yield* outcome(commit([gone], { action: "protect" })), "NotFound")
    }))

  test("AQ8 whoever breaks the glass leaves a review, which somebody else closes", () =>
    Effect.gen(function* () {
      const store = yield* ApprovalStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      yield* protect(environment, ["*"])
      const touches = [{ kind: "configuration", key: "k" }]
      const glass = {
        kind: "approval",
        environment,
        key: "",
        op: "glass",
        touches,
        rights: [{ kind: "config", key: "k" }],
        reason: "fire"
      }
      yield* protect(environment, ["none"], { key: "q" })
      const first = by(ann)
      yield* commit([change("k", "0", { environment }), { ...glass, reason: "first" }], first)
      const other = protection(environment, "q", ["other"])
      const both = { ...glass, touches: [...touches, { kind: "protection", key: "q" }] }
      yield* commit([change("k", "1", { environment }), other, both], first)
      yield* commit([change("k", "2", { environment }), { ...glass, reason: "later" }], first)
      const reviews = yield* store.list(environment, { limit: 5, before: undefined, state: "review", scope: undefined })
      const review = reviews[1]
      const texts = (text: string | null) => text && (({ value, patterns }) => value ?? patterns)(JSON.parse(text))
      const doneBy = Effect.fnUntraced(function* ({ key }: ChangeRequest) {
        const { done } = (yield* store.find(environment, key))!
        return done.map(({ kind, key, before, after }) => [kind, key, texts(before), texts(after)])
      })
      assert.deepStrictEqual(yield* doneBy(reviews[2]!), [["configuration", "k", null, "0"]])
      assert.deepStrictEqual(yield* doneBy(review!), [
        ["configuration", "k", "0", "1"],
        ["protection", "q", ["none"], ["other"]]
      ])
      assert.deepInclude(review, { author: ann.name, action: "publish", reason: "fire", touches: both.touches })
      assert.strictEqual(review?.applied, String(review?.revision))
      assert.strictEqual(yield* outcome(end(review!, "review", ann)), "OwnChange")
      assert.strictEqual(yield* outcome(end(review!, "review", bob)), "done")
      assert.strictEqual(yield* outcome(end(review!, "review", bob)), "ChangeOver")
      assert.strictEqual(yield* stateOf(review!), "reviewed")
    }))

  test("AQ16 the same that is asked for again is the request that waits, of the same author, until it is over or void", () =>
    Effect.gen(function* () {
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      const wishes = [change("k", "5", { environment })]
      const first = yield* open(ann, environment, wishes)
      const again = yield* Effect.flip(open(ann, environment, wishes))
      assert.deepStrictEqual([again.name, again.details], ["ChangeWaits", { change: first.key, environment }])
      const both = yield* Effect.all(
        ["ann", "ann"].map(() => outcome(open(ann, environment, [change("k", "7", { environment })]))),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(both.sort(), ["ChangeWaits", "done"])
      assert.strictEqual(yield* outcome(open(bob, environment, wishes)), "done", "of somebody else")
      assert.strictEqual(yield* outcome(open(ann, environment, [change("k", "6", { environment })])), "done")
      yield* commit([change("k", "1", { environment })])
      const anew = yield* open(ann, environment, wishes)
      assert.notStrictEqual(anew.key, first.key, "that one is void")
      yield* end(anew, "withdraw", ann)
      assert.strictEqual(yield* outcome(open(ann, environment, wishes)), "done", "that one is over")
    }))

  test("AQ16 what was asked by a key that is revoked is no answer: it is asked anew, as nobody else could have that done", () =>
    Effect.gen(function* () {
      const [environment, ann] = [fresh("env"), yield* person("ann")]
      const wishes = [change("k", "5", { environment })]
      const first = yield* open(ann, environment, wishes)
      const store = yield* ApiKeyStore
      const other = yield* person("ann", { name: ann.name })
      yield* store.revoke(ann.id, other.name)
      const second = yield* open(other, environment, wishes)
      assert.notStrictEqual(second.key, first.key)
      assert.strictEqual(yield* outcome(open(other, environment, wishes)), "ChangeWaits")
    }))

  test("AQ9 a principal has so many open requests, and what is over makes room", () =>
    Effect.gen(function* () {
      const [environment, ann] = [fresh("env"), yield* person("ann")]
      const ask = (n: number) => open(ann, environment, [change(`k${n}`, "1", { environment })])
      const first = yield* ask(0)
      for (let n = 1; n < CHANGES_EACH; n++) yield* ask(n)
      assert.strictEqual(yield* outcome(ask(CHANGES_EACH)), "ChangesFull")
      yield* end(first, "withdraw", ann)
      assert.strictEqual(yield* outcome(ask(CHANGES_EACH)), "done")
    }))
}
