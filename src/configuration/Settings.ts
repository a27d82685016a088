/** How much of values a node holds. */
import { integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  /** In this process. Bytes. */
  cache: { maxBytes: setting("cache.maxBytes", "CACHE_MAX_BYTES", integer(1_048_576, 2 ** 40), 268_435_456) }
}
