/** Port: metrics of the process that a node runs in. */
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

/** By default there are none. */
export const Runtime = Context.Reference<{ readonly families: Effect.Effect<ReadonlyArray<Family>> }>(
  "herald/telemetry/Runtime",
  { defaultValue: () => ({ families: Effect.succeed([]) }) }
)
