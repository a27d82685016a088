/** Settings of how often somebody may ask, and of how much environments may hold. */
import { integer } from "../settings/Form.ts"
import { jsonList } from "../settings/IssuerForms.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  access: {
    ratePerSecond: setting("limits.requestsPerSecond", "LIMIT_REQUESTS_PER_SECOND", integer(1, 1_000_000), 5_000),
    burst: setting("limits.burst", "LIMIT_BURST", integer(1, 1_000_000), 10_000),
    /** Narrower ones, of a door, of an environment or of both: docs/access.md. */
    limits: setting("limits.rules", "HERALD_LIMITS", jsonList, [])
  },
  quotas: {
    keysPerEnvironment: setting(
      "limits.keysPerEnvironment",
      "LIMIT_KEYS_PER_ENVIRONMENT",
      integer(1, 1_000_000_000),
      250_000
    ),
    bytesPerEnvironment: setting(
      "limits.bytesPerEnvironment",
      "LIMIT_BYTES_PER_ENVIRONMENT",
      integer(1, Number.MAX_SAFE_INTEGER),
      4_294_967_296
    )
  }
}
