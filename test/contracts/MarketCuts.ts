/** Drawn programmes of what comes and of what happens to nodes, in every store of market data: part of `marketContract`. */
import { Effect } from "effect"
import { holds } from "../support/MarketMachine.ts"
import type { Test } from "./MarketStores.ts"

/** Each is some ten writes and looks at everything. */
const PROGRAMS = 15

export const marketCuts = (test: Test) => {
  test("MX2 MX1 what was written is what one computes by hand, however the log was cut, whoever wrote it, and whatever failed", () =>
    Effect.forEach(
      Array.from({ length: PROGRAMS }, (_, n) => n + 1),
      holds,
      { discard: true }
    ))
}
