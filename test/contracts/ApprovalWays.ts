/** What is protected, by rollouts and at a time: every store must do so. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import type { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import type { EndWish, Schedule } from "../../src/schedules/Schedule.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import { apply, approve, by, commit, open, outcome, person, protect, protection } from "../support/Approvals.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { candidateOf, moveWish, promoted, stageWish, startWish } from "../support/RolloutWishes.ts"
import { dueNow, past, wish as scheduleWish } from "../support/Schedules.ts"

type Services = ApiKeyStore | ApprovalStore | Commits | RolloutStore | ScheduleStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const ROLLOUT = { action: "rollout" } as const

export const approvalWaysContract = (test: Test) => {
  test("AQ6 a rollout begins by an approval, its owner goes on by it, a person does not, and everyone goes back", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      const key = fresh("config")
      const candidate = candidateOf(change(key, "2", { environment }))
      yield* protect(environment, [key], { kinds: ["config"] })
      const wishes = [startWish([candidate], { environment })]
      assert.strictEqual(yield* outcome(commit(wishes, { ...ROLLOUT, ...by(ann) })), "ApprovalRequired")
      const request = yield* open(ann, environment, wishes, "rollout")
      yield* approve(request, bob)
      const { revision } = yield* apply(request, wishes, ann, { release: ROLLOUT })
      const started = revision.changes.find(({ kind }) => kind === "rollout") as Rollout
      const { fence } = (yield* store.claim(environment, started.key))!
      const moved = Effect.fnUntraced(function* (wish: object, more: ReadonlyArray<object> = []) {
        const done = yield* commit([wish, ...more], { ...ROLLOUT, ...by(ann) })
        return done.revision.changes.find(({ kind }) => kind === "rollout") as Rollout
      })
      const byHand = (wish: object, more: ReadonlyArray<object> = []) =>
        outcome(commit([wish, ...more], { ...ROLLOUT, ...by(ann) }))

      assert.strictEqual(yield* byHand(stageWish(started)), "ApprovalRequired")
      const first = yield* moved(stageWish(started, { fence }))
      const paused = yield* moved(moveWish(first, "paused"))
      const resumed = yield* moved(moveWish(paused, "deploying", { lasts: 600_000 }))
      const second = yield* moved(stageWish(yield* moved(moveWish(resumed, "baking", { lasts: 0, fence })), { fence }))
      const baking = yield* moved(moveWish(second, "baking", { lasts: 0, fence }))
      const whole = [promoted(candidate, baking)]
      assert.strictEqual(yield* byHand(moveWish(baking, "completed"), whole), "ApprovalRequired")
      const beside = [...whole, change(fresh("config"), "1", { environment })]
      assert.strictEqual(yield* byHand(moveWish(baking, "completed", { fence }), beside), "done")
      // Of a rollout that nobody approved: it was there before the protection.
      const other = fresh("config")
      const old = yield* moved(startWish([candidateOf(change(other, "2", { environment }))], { environment }))
      yield* commit([protection(environment, "q", [other])], { action: "protect" })
      const { fence: its } = (yield* store.claim(environment, old.key))!
      assert.strictEqual(yield* byHand(stageWish(old, { fence: its })), "ApprovalRequired")
      assert.strictEqual(yield* byHand(moveWish(old, "aborted")), "done")
    }))

  test("AQ6 what is forced onto a rollout's key is no way around it", () =>
    Effect.gen(function* () {
      const environment = fresh("env")
      const key = fresh("config")
      const start = startWish([candidateOf(change(key, "2", { environment }))], { environment })
      const { revision } = yield* commit([start], ROLLOUT)
      const aborted = moveWish(revision.changes[0] as Rollout, "aborted")
      yield* protect(environment, [key])
      const forced = commit([change(key, "3", { environment }), aborted], { action: "publish" })
      assert.strictEqual(yield* outcome(forced), "ApprovalRequired")
    }))

  test("AQ6 a schedule of before a protection is not made, one that was approved is, and either can be cancelled", () =>
    Effect.gen(function* () {
      const store = yield* ScheduleStore
      const [environment, ann, bob] = [fresh("env"), yield* person("ann"), yield* person("bob")]
      const key = fresh("config")
      const wish = { environment, touches: [{ kind: "configuration", key, expected: null }] }
      const made = yield* dueNow(wish)
      yield* protect(environment, [key])
      const becomes = (schedule: Schedule, state: EndWish["state"]): EndWish => ({
        ...{ kind: "schedule", environment, key: schedule.key, state, reason: "", graceMillis: 3_600_000 }
      })
      const carry = (schedule: Schedule) =>
        outcome(commit([change(key, "2", { environment }), becomes(schedule, "committed")], { action: "release" }))
      assert.strictEqual(yield* carry(made), "ApprovalRequired")
      assert.strictEqual(yield* outcome(commit([becomes(made, "cancelled")], { action: "cancel" })), "done")

      const asked = scheduleWish({ afterMillis: 1, ...wish, body: '{"changes":[],"flags":[]}' })
      const request = yield* open(ann, environment, [asked], "schedule")
      yield* approve(request, bob)
      const { revision } = yield* apply(request, [asked], ann, { release: { action: "schedule" } })
      const approved = revision.changes.find(({ kind }) => kind === "schedule") as Schedule
      yield* past
      assert.strictEqual((yield* store.find(environment, approved.key))?.schedule.state, "pending")
      assert.strictEqual(yield* carry(approved), "done")
    }))
}
