/** What a node holds of values. */
import { integer } from "../settings/Kind.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  /** In memory. */
  cache: { maxBytes: setting("cache.maxBytes", "CACHE_MAX_BYTES", integer(1_048_576, 2 ** 40), 268_435_456) }
}
