/** Port: how busy the event loop of this process is. */
import { Context } from "effect"

export interface LoopShape {
  /** Nanoseconds since the start for which this process's own work has held the loop up, that of this moment included. */
  readonly busy: () => bigint
  /** Nanoseconds of that in the last few turns of the loop and in this moment; what arrived before those has been read. */
  readonly recent: () => bigint
}

/** By default never busy, so that every delay counts. */
export const Loop = Context.Reference<LoopShape>("herald/telemetry/Loop", {
  defaultValue: () => ({ busy: () => 0n, recent: () => 0n })
})
