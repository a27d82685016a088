/** How long what is old is kept. */
import { duration, integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  retention: {
    keepMillis: setting("retention.time", "RETENTION_TIME", duration, 7 * 86_400_000),
    keepAtLeast: setting("retention.atLeast", "RETENTION_AT_LEAST", integer(1, 1_000_000_000), 10_000)
  }
}
