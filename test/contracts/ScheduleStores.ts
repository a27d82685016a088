/** What every store must do with scheduled changes. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Commits } from "../../src/commits/Commits.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import {
  SCHEDULES,
  SCHEDULES_BYTES,
  SCHEDULES_EACH,
  type Schedule,
  scheduleKind
} from "../../src/schedules/Schedule.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { commit, dueNow, over, refused, schedule, wish } from "../support/Schedules.ts"
import { verified } from "./Verified.ts"

type Services = Commits | ScheduleStore | RevisionLog | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const schedulesContract = (test: Test) => {
  test("W1 a schedule is in the log as it was answered, an audit finds it as it was, and it is kept as it was asked for", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const store = yield* ScheduleStore
      const before = yield* log.head
      const key = fresh("flag")
      const body = '{"changes":[],"text":"as it \\u0000 was, \u00e4 and 1.10"}'
      const { revision } = yield* commit([wish({ body, touches: [{ kind: "flag", key, expected: "current" }] })], {
        action: "schedule",
        keyId: "k1"
      })
      const made = revision.changes[0] as Schedule
      const [kept] = (yield* log.after(before.revision, 10))!

      assert.deepStrictEqual(kept, revision)
      assert.deepStrictEqual(scheduleKind.fromLane(scheduleKind.toLane(made)), made)
      assert.strictEqual(made.state, "pending")
      assert.strictEqual(made.dueAt, made.madeAt + 3_600_000)
      assert.deepStrictEqual(made.touches, [{ kind: "flag", key, expected: 0 }])
      assert.deepStrictEqual(yield* store.find("production", made.key), {
        schedule: made,
        keyId: "k1",
        expected: { [`flag/${key}`]: 0 },
        body,
        ...("made" in ((yield* store.find("production", made.key)) ?? {}) ? { made: made.revision } : {})
      })
      assert.isUndefined(yield* store.find("staging", made.key))

      const cancelled = yield* commit([over(made, { reason: "no need" })], { action: "cancel", actor: "bob" })
      const ended = cancelled.revision.changes[0] as Schedule
      assert.deepInclude(ended, { state: "cancelled", reason: "no need", endedBy: "bob", madeBy: "tester" })
      assert.deepStrictEqual((yield* store.find("production", made.key))?.schedule, ended)
      assert.isUndefined((yield* verified).problem)
    }))

  test("DU1 what is over stays so: of two who make it, or make and cancel it, one is refused and changes nothing", () =>
    Effect.gen(function* () {
      const [first, second] = [fresh("config"), fresh("config")]
      const made = yield* dueNow()
      const done = over(made, { state: "committed", graceMillis: 60_000 })
      const answers = yield* Effect.all(
        [Effect.result(commit([change(first, "1"), done])), Effect.result(commit([change(second, "1"), done]))],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(answers.map(({ _tag }) => _tag).sort(), ["Failure", "Success"])
      const lost = answers[0]!._tag === "Failure" ? first : second
      assert.strictEqual((yield* refused([over(made)])).name, "ScheduleOver")
      assert.strictEqual((yield* refused([change(lost, "2"), done])).name, "ScheduleOver")
      assert.strictEqual((yield* commit([change(lost, "3", { expectedVersion: 0 })])).replayed, false) // nothing was written to it
      assert.strictEqual((yield* refused([over({ ...made, key: "s0" })])).name, "NotFound")
    }))

  test("DU2 it is made at its time and within its grace, by the store's clock, and missed only behind it", () =>
    Effect.gen(function* () {
      const early = yield* schedule()
      assert.strictEqual(
        (yield* refused([over(early, { state: "committed", graceMillis: 1_000 })])).name,
        "ScheduleOver"
      )
      assert.strictEqual((yield* refused([over(early, { state: "missed", graceMillis: 0 })])).name, "ScheduleOver")
      const late = yield* dueNow()
      assert.strictEqual((yield* refused([over(late, { state: "missed", graceMillis: 60_000 })])).name, "ScheduleOver")
      assert.strictEqual((yield* refused([over(late, { state: "committed", graceMillis: 0 })])).name, "ScheduleOver")
      yield* commit([over(late, { state: "missed", graceMillis: 0 })])

      const now = (yield* Effect.flatMap(ScheduleStore, (store) => store.due(undefined))).now
      assert.strictEqual((yield* refused([wish({ dueAt: now - 1, afterMillis: null })])).name, "ScheduleTime")
      const far = yield* refused([wish({ dueAt: now + 401 * 86_400_000, afterMillis: null })])
      assert.strictEqual(far.name, "ScheduleTime")
    }))

  test("DU4 an environment and a principal have so many, so much is pending together; what is over makes room", () =>
    Effect.gen(function* () {
      const environment = fresh("env").replaceAll(".", "-")
      const full = (error: { readonly name: string; readonly message: string }) => {
        assert.strictEqual(error.name, "SchedulesFull")
        return error.message
      }
      const [anna, bert] = [fresh("anna"), fresh("bert")]
      const made = (count: number, actor: string) =>
        Effect.forEach(Array.from({ length: count }), () => schedule({ environment }, { actor }), { concurrency: 50 })
      yield* made(SCHEDULES_EACH, anna)
      assert.include(full(yield* refused([wish({ environment: "staging" })], { actor: anna })), anna)
      const mine = yield* made(SCHEDULES - SCHEDULES_EACH, bert)
      assert.include(full(yield* refused([wish({ environment })], { actor: "carl" })), environment)
      yield* commit([over(mine[0]!)])
      const bytes = SCHEDULES_BYTES - (SCHEDULES - 1) * 2 + 1
      assert.include(full(yield* refused([wish({ environment, bytes })], { actor: "carl" })), "bytes")
      yield* schedule({ environment }, { actor: "carl" })
    }))

  test("SY4 what is due comes in the order of its time and of its making, page by page, and the next one is told", () =>
    Effect.gen(function* () {
      const store = yield* ScheduleStore
      const now = (yield* store.due(undefined)).now
      const mine = new Set<string>()
      const ahead = yield* schedule({ dueAt: Math.floor(now) + 600_000, afterMillis: null })
      const made: Array<Schedule> = []
      for (let n = 0; n < 3; n++) made.push(yield* schedule({ afterMillis: 30 - n }))
      for (const { key } of made) mine.add(key)
      for (;;) {
        const { due } = yield* store.due(undefined)
        if (due.filter(({ key }) => mine.has(key)).length === 3) break
        yield* Effect.yieldNow
      }
      const page = yield* store.due(undefined)
      const those = page.due.filter(({ key }) => mine.has(key))
      const inOrder = made.toSorted((a, b) => a.dueAt - b.dueAt || Number(a.revision - b.revision))
      assert.deepStrictEqual(
        those.map(({ key }) => key),
        inOrder.map(({ key }) => key)
      )
      assert.isAtMost(page.next!, ahead.dueAt)
      assert.isAtLeast(page.pending, 4)
      const rest = yield* store.due(those[0]!)
      assert.notInclude(
        rest.due.map(({ key }) => key),
        those[0]!.key
      )
      assert.includeMembers(
        rest.due.map(({ key }) => key),
        those.slice(1).map(({ key }) => key)
      )
      for (const one of [...made, ahead]) yield* commit([over(one)])
    }))

  test("PB1 schedules are listed in the order of their making, by state and by what they change", () =>
    Effect.gen(function* () {
      const store = yield* ScheduleStore
      const environment = fresh("env").replaceAll(".", "-")
      const touches = [{ kind: "flag", key: "x.y", expected: null }]
      const a = yield* schedule({ environment, touches: [{ kind: "flag", key: "z", expected: null }] })
      const b = yield* schedule({ environment, touches })
      const c = yield* schedule({ environment, touches: [{ kind: "configuration", key: "x.y", expected: null }] })
      yield* commit([over(a)])
      const list = (changed: object) =>
        Effect.map(
          store.list(environment, { limit: 10, after: 0n, state: undefined, touching: undefined, ...changed }),
          (found) => found.map(({ key }) => key)
        )
      assert.deepStrictEqual(yield* list({}), [a.key, b.key, c.key])
      assert.deepStrictEqual(yield* list({ limit: 1, after: a.revision }), [b.key])
      assert.deepStrictEqual(yield* list({ state: "pending" }), [b.key, c.key])
      assert.deepStrictEqual(yield* list({ touching: { kind: "flag", key: "x.y" } }), [b.key])
      assert.deepStrictEqual(yield* list({ state: "cancelled" }), [a.key])
      const x = { names: [], prefixes: ["x."] }
      assert.deepStrictEqual(yield* list({ scope: { kinds: ["flag"], keys: x } }), [b.key])
      assert.deepStrictEqual(yield* list({ scope: { kinds: ["flag", "configuration"], keys: x } }), [b.key, c.key])
      assert.deepStrictEqual(yield* list({ scope: { kinds: ["flag"], keys: { names: ["x"], prefixes: [] } } }), [])
    }))
}
