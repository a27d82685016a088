/** What every store must sum up of what was reported of an experiment. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ExperimentStore } from "../../src/experiments/ExperimentStore.ts"
import { type Asked, LARGEST } from "../../src/experiments/Sums.ts"
import { UsageStore } from "../../src/usage/UsageStore.ts"
import type { Exposure, Track } from "../../src/usage/Use.ts"
import { fresh } from "../support/fresh.ts"
import { newEnvironment } from "./ExperimentStores.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, ExperimentStore | UsageStore>) => void

export const experimentSumsContract = (test: Test) => {
  test("XE8 XE9 a unit counts by its first exposure since the start, for none if it saw two, and what it did in the window after", () =>
    Effect.gen(function* () {
      const store = yield* ExperimentStore
      const usage = yield* UsageStore
      const environment = newEnvironment()
      const unit = (n: number) => n.toString(16).padStart(2, "0").padEnd(32, "0")
      const noon = Math.floor(Date.now() / 86_400_000) * 86_400_000 + 43_200_000
      const exposure = (n: number, variant: string, at: number, more: Partial<Exposure> = {}): Exposure => ({
        ...{ flag: "flag", variant, version: 3, unit: unit(n), at: noon + at },
        ...more
      })
      const track = (n: number, at: number, value: number | null = null, name = "buy"): Track => ({
        ...{ name, unit: unit(n), value, at: noon + at, details: null }
      })
      const batch = { environment, principal: "p", batch: fresh("b"), uses: [] }
      const exposures = [
        exposure(1, "off", 10),
        exposure(1, "off", 5_000),
        exposure(2, "on", 20),
        exposure(2, "on", 30, { version: 0 }),
        exposure(3, "on", 10), // and the other one later
        exposure(3, "off", 90_000_000),
        exposure(4, "on", -50), // before the start, and again after it
        exposure(4, "on", 700_000),
        exposure(5, "on", -50), // before the start alone
        exposure(6, "on", 10, { version: 2 }), // of an older version
        exposure(7, "outside", 10),
        exposure(8, "on", 10, { flag: "other" }),
        exposure(9, "on", 200_000_000), // after all
        exposure(10, "off", 10),
        exposure(10, "", 20)
      ]
      const tracks = [
        ...[track(1, 9, 5), track(1, 10, 5), track(1, 1_009, 2), track(1, 1_010, 50)], // 5 + 2 within a second
        ...[track(2, 25, 1e300), track(2, 26, -1e300), track(2, 27, 3)],
        ...[track(3, 20, 7), track(4, 1, 11), track(6, 20, 1), track(7, 20, 1), track(8, 20, 1), track(11, 20, 1)],
        ...[track(10, 10), track(10, 11, 1, "look")]
      ]
      yield* usage.record([{ ...batch, exposures, tracks }], 1_000)
      const asked: Asked = {
        ...{ flag: "flag", flagVersion: 3, variants: ["off", "on"], from: noon, until: noon + 100_000_000 },
        metrics: [
          { event: "buy", kind: "conversion", windowMillis: 1_000, cap: null },
          { event: "buy", kind: "mean", windowMillis: 1_000, cap: null },
          { event: "buy", kind: "mean", windowMillis: 1_000, cap: 4 },
          { event: "look", kind: "conversion", windowMillis: 1_000, cap: null },
          { event: "never", kind: "mean", windowMillis: 1_000, cap: null }
        ]
      }
      const sample = (n: number, sum: number, sumSquares: number) => ({ n, sum, sumSquares })
      assert.deepStrictEqual(yield* store.sum(environment, asked), {
        units: [2, 2],
        mixed: 1,
        samples: [
          [sample(2, 2, 2), sample(2, 2, 2)],
          [sample(2, 7, 49), sample(2, 14, 130)],
          [sample(2, 4, 16), sample(2, 7, 25)],
          [sample(2, 1, 1), sample(2, 0, 0)],
          [sample(2, 0, 0), sample(2, 0, 0)]
        ]
      })
      // It can't be made a number that is none.
      const much = {
        ...batch,
        batch: fresh("b"),
        exposures: [],
        tracks: Array.from({ length: 9 }, () => track(1, 20, 1e308))
      }
      yield* usage.record([much], 1_000)
      const { samples } = yield* store.sum(environment, asked)
      assert.strictEqual(samples[1]![0]!.sum, LARGEST)
      assert.deepStrictEqual(yield* store.sum(newEnvironment(), { ...asked, metrics: [] }), {
        units: [0, 0],
        mixed: 0,
        samples: []
      })
    }))
}
