/** Which versions scheduled changes expect, in every store. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Commits } from "../../src/commits/Commits.ts"
import { Conflict } from "../../src/commits/Conflict.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import type { Schedule } from "../../src/schedules/Schedule.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { candidate, candidateOf, moveWish, rolled, startWish } from "../support/RolloutWishes.ts"
import { commit, over, past, refused, schedule, wish } from "../support/Schedules.ts"
import { flag } from "./FlagStores.ts"

type Services = Commits | ScheduleStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const expectedOf = ({ environment, key }: Schedule) =>
  Effect.map(
    Effect.flatMap(ScheduleStore, (store) => store.find(environment, key)),
    (held) => held?.expected
  )
const flagVersion = (made: { readonly revision: { readonly changes: ReadonlyArray<Change> } }) =>
  (made.revision.changes[0] as unknown as { readonly version: number }).version

export const scheduleVersionsContract = (test: Test) => {
  test("DU3 it expects the version that is current when its turn comes, or the one that was named", () =>
    Effect.gen(function* () {
      const [there, gone, config] = [fresh("there"), fresh("gone"), fresh("config")]
      yield* commit([flag(there, ["a"]), flag(gone, ["a"]), change(config, "1")])
      yield* commit([flag(there, ["b"]), flag(gone, null), change(config, "2")])
      const touch = (kind: string, key: string, expected: number | "current" | null) => ({ kind, key, expected })
      const made = yield* schedule({
        touches: [
          touch("flag", there, "current"),
          touch("flag", gone, "current"),
          touch("configuration", config, "current"),
          touch("configuration", fresh("new"), 0),
          touch("flag", fresh("any"), null)
        ]
      })
      assert.deepStrictEqual(
        made.touches.map(({ expected }) => expected),
        [2, 0, 2, 0, null]
      )
      for (const [kind, key] of [
        ["flag", there],
        ["configuration", config]
      ] as const) {
        const error = yield* refused([wish({ touches: [touch(kind, key, 1)] })])
        assert.instanceOf(error, Conflict)
        assert.deepInclude(error.details, { expected: 1, current: 2 })
      }
    }))

  test("DU3 what one that was made before it has changed is no surprise to a schedule, what anybody else has is", () =>
    Effect.gen(function* () {
      const [key, config] = [fresh("flag"), fresh("config")]
      const touches = [
        { kind: "flag", key, expected: "current" as const },
        { kind: "configuration", key: config, expected: "current" as const }
      ]
      const both = (flagged: number, configured: number) => ({
        [`flag/${key}`]: flagged,
        [`configuration/${config}`]: configured
      })
      yield* commit([flag(key, ["a"]), change(config, "1")])
      const knew = yield* schedule({ touches })
      const first = yield* schedule({ touches, afterMillis: 1 })
      const next = yield* schedule({ touches })
      yield* past
      yield* commit([
        change(config, "2", { expectedVersion: 1 }),
        flag(key, ["b"], { expectedVersion: 1 }),
        over(first, { state: "committed", graceMillis: 60_000 })
      ])
      assert.deepStrictEqual(yield* expectedOf(next), both(2, 2))
      assert.deepStrictEqual(yield* expectedOf(knew), both(1, 1)) // it was asked for when nobody knew of the other

      assert.strictEqual((yield* refused([over(next, { expected: both(1, 1) })])).name, "ScheduleOver")
      yield* commit([over(next, { expected: both(2, 2) })])
    }))

  test("DU3 a schedule follows one that makes what was not there, also where it had been before", () =>
    Effect.gen(function* () {
      const [key, config] = [fresh("flag"), fresh("config")]
      yield* commit([flag(key, ["a"]), change(config, "1")])
      yield* commit([flag(key, null), change(config, null)])
      const touches = [
        { kind: "flag", key, expected: "current" as const },
        { kind: "configuration", key: config, expected: "current" as const }
      ]
      const first = yield* schedule({ touches, afterMillis: 1 })
      const next = yield* schedule({ touches })
      yield* past
      const made = yield* commit([
        flag(key, ["b"], { expectedVersion: 0 }),
        change(config, "2", { expectedVersion: 0 }),
        over(first, { state: "committed", graceMillis: 60_000 })
      ])
      assert.strictEqual(flagVersion(made), 3)
      assert.deepStrictEqual(yield* expectedOf(next), { [`flag/${key}`]: 3, [`configuration/${config}`]: 3 })
    }))

  test("DU3 RQ3 RQ4 numbers of candidates in between are no surprise to a schedule, and what is in a rollout it leaves alone", () =>
    Effect.gen(function* () {
      const [key, config] = [fresh("flag"), fresh("config")]
      yield* commit([flag(key, ["a"]), change(config, "1")])
      const touches = [
        { kind: "flag", key, expected: "current" as const },
        { kind: "configuration", key: config, expected: "current" as const }
      ]
      const [first, next] = [yield* schedule({ touches, afterMillis: 1 }), yield* schedule({ touches })]
      const started = yield* rolled([startWish([candidate(config, "2"), candidateOf(flag(key, ["c"]))])])
      yield* past
      const made = [
        flag(key, ["b"], { expectedVersion: 1 }),
        change(config, "2", { expectedVersion: 1 }),
        over(first, { state: "committed", graceMillis: 60_000 })
      ]
      assert.strictEqual((yield* refused(made)).name, "InRollout")
      yield* rolled([moveWish(started, "aborted")])
      assert.strictEqual(flagVersion(yield* commit(made)), 3)
      assert.deepStrictEqual(yield* expectedOf(next), { [`flag/${key}`]: 3, [`configuration/${config}`]: 3 })
    }))
}
