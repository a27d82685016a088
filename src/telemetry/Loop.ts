/** Port: how busy the event loop of this process is. */
import { Context } from "effect"

export interface LoopShape {
  /** Nanoseconds, ever more: how long the loop was held up by this process's own work, the work of this moment included. */
  readonly busy: () => bigint
  /** Nanoseconds of that in the last few turns of the loop and in this moment: what came before them has been read. */
  readonly recent: () => bigint
}

/** Never busy by default: then every delay counts. */
export const Loop = Context.Reference<LoopShape>("herald/telemetry/Loop", {
  defaultValue: () => ({ busy: () => 0n, recent: () => 0n })
})
