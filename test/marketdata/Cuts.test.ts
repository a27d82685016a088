import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { test } from "../support/MarketFeed.ts"
import { holds } from "../support/MarketMachine.ts"

const PROGRAMS = 50

describe("market data of drawn programmes", () => {
  test(
    "MJ1 MJ2 MJ3 MB4 MB5 what was written is what one computes by hand, however the log was cut, whoever wrote it, and whatever failed",
    Effect.forEach(
      Array.from({ length: PROGRAMS }, (_, n) => n + 1),
      holds,
      { discard: true }
    )
  )
})
