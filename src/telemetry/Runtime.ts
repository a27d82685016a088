/** Port: what the process under a node tells of itself to those who scrape it. */
import { Context, Effect } from "effect"

export interface Family {
  readonly name: string
  readonly help: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly samples: ReadonlyArray<{
    readonly name: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly value: number
  }>
}

/** By default it says nothing. */
export const Runtime = Context.Reference<{ readonly families: Effect.Effect<ReadonlyArray<Family>> }>(
  "herald/telemetry/Runtime",
  { defaultValue: () => ({ families: Effect.succeed([]) }) }
)
