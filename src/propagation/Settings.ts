/** How a node keeps up with the log. */
import { duration, integer } from "../settings/Kind.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  propagation: {
    pollInterval: setting("propagation.pollInterval", "POLL_INTERVAL", duration, 500),
    staleAfter: setting("propagation.staleAfter", "STALE_AFTER", duration, 3_000)
  },
  /** Of values, in memory. */
  cache: { maxBytes: setting("cache.maxBytes", "CACHE_MAX_BYTES", integer(1_048_576, 2 ** 40), 268_435_456) }
}
