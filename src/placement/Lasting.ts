/** Makes what a node does of registered work while it is its turn. */
import { Effect, type Scope } from "effect"
import { every } from "../telemetry/Every.ts"

const REST = "1 second"

/** Goes on until it is interrupted, each beginning with a scope of its own. PC4 */
export const lasting = <R>(
  name: string,
  work: Effect.Effect<void, never, R>
): Effect.Effect<never, never, Exclude<R, Scope.Scope>> =>
  every("work of one node for all met a defect", REST, Effect.scoped(Effect.andThen(work, Effect.never))).pipe(
    Effect.annotateLogs({ work: name })
  )
