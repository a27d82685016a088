/** Settings of how often somebody may ask. */
import { integer } from "../settings/Form.ts"
import { jsonList } from "../settings/IssuerForms.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  access: {
    ratePerSecond: setting("limits.requestsPerSecond", "LIMIT_REQUESTS_PER_SECOND", integer(1, 1_000_000), 5_000),
    burst: setting("limits.burst", "LIMIT_BURST", integer(1, 1_000_000), 10_000),
    /** Narrower ones, of a door, of an environment or of both: docs/access.md. */
    limits: setting("limits.rules", "HERALD_LIMITS", jsonList, [])
  }
}
