/** Lines of the log that are there to be kept elsewhere and say nothing to whoever looks on. */
import { Context } from "effect"

/** Set where a line is evidence for a collector: a terminal shows it at debug only. */
export const Evidence = Context.Reference<boolean>("herald/telemetry/Evidence", { defaultValue: () => false })
