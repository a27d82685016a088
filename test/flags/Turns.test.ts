/** Evaluating all flags of an environment, beside all else that a node does. */
import { assert, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { FlagStore } from "../../src/flags/FlagStore.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { makeReading } from "../../src/flags/Reading.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { Usage } from "../../src/usage/Usage.ts"
import { Workers } from "../../src/work/Workers.ts"

it.live("FU4 rules that take long are evaluated a few in a turn of the event loop, whatever there are of them", () => {
  const keys = Array.from({ length: 600 }, (_, n) => `f${String(n).padStart(3, "0")}`)
  let millis = 0
  const now = vi.spyOn(performance, "now").mockImplementation(() => millis)
  let inTurn = 0
  let most = 0
  const evaluate = () => {
    millis += 5
    most = Math.max(most, ++inTurn)
    return {}
  }
  const view = {
    page: (_: string, { after, limit }: { after: string; limit: number }) =>
      keys
        .filter((key) => key > after)
        .slice(0, limit)
        .map((key) => ({ key })),
    flag: () => ({ evaluate }),
    find: () => undefined
  }
  let turning = true
  const turn = () => {
    inTurn = 0
    if (turning) setImmediate(turn)
  }
  turn()
  return Effect.gen(function* () {
    const reading = yield* makeReading
    const found = yield* reading.resolveAll("production", {}, callerOf("ofrep-bulk", undefined))
    assert.deepStrictEqual(
      found.map(([key]) => key),
      keys
    )
    assert.isAtMost(most, 4)
  }).pipe(
    Effect.provideService(FlagStore, {} as never),
    Effect.provideService(Usage, { note: () => {}, noteAll: () => {} } as never),
    Effect.provideService(FlagView, view as never),
    Effect.provideService(Workers, {} as never),
    Effect.provideService(CurrentIdentity, system),
    Effect.ensuring(
      Effect.sync(() => {
        turning = false
        now.mockRestore()
      })
    )
  )
})
