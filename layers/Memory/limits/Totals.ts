/** Totals over a `State`. */
import { Effect, Layer } from "effect"
import { Totals } from "../../../src/limits/Totals.ts"
import { State } from "../State.ts"
import { TotalTables } from "./TotalTables.ts"

export const layer = Layer.effect(
  Totals,
  Effect.map(State.service, (state) => {
    const { totals } = state.tables(TotalTables)
    return Totals.of({
      read: (environment) =>
        Effect.sync(() =>
          [...totals]
            .filter(([name]) => environment === undefined || name === environment)
            .map(([name, amount]) => ({ environment: name, ...amount }))
            .sort((a, b) => (a.environment < b.environment ? -1 : 1))
        )
    })
  })
)
