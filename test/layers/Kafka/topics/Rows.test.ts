/** Rows of topics that many ask for at once, whose turns end wherever they may. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Scheduler } from "effect"
import { Rows } from "../../../../layers/Kafka/topics/Rows.ts"
import type { LogTopic } from "../../../../src/topics/LogState.ts"

const row = (id: number) => ({ name: `t${id}` }) as LogTopic

/** Fibers that ask for one topic at once. */
const ASKERS = 10
/** Steps after which a fiber lets others have their turn: each place at which one may end comes up. */
const BUDGET = 64

describe("rows of topics in Kafka", () => {
  it.live("KQ7 a topic that is there is given to all who ask at once, wherever their turns end", () =>
    Effect.gen(function* () {
      let questions = 0
      const topics = (ids: ReadonlyArray<number>) =>
        Effect.promise(async () => {
          questions++
          await new Promise((next) => setImmediate(next))
          return new Map(ids.map((id) => [id, row(id)]))
        })
      for (let steps = 0; steps < BUDGET; steps++) {
        const rows = new Rows({ now: () => 1, state: { topics } })
        const one = Effect.gen(function* () {
          for (let step = 0; step < steps; step++) yield* Effect.sync(() => {})
          return (yield* rows.topic(7))?.name
        })
        const all = yield* Effect.all(
          Array.from({ length: ASKERS }, () => one),
          { concurrency: ASKERS }
        )
        assert.deepStrictEqual(
          all,
          Array.from({ length: ASKERS }, () => "t7"),
          `${steps} steps`
        )
      }
      assert.isAtMost(questions, BUDGET)
    }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, BUDGET))
  )
})
