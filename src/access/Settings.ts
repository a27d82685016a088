/** Settings of who may ask, and how often. */
import { integer, secret } from "../settings/Form.ts"
import { setting, unset } from "../settings/Setting.ts"

export const settings = {
  /** Shared by all nodes on one database. Absent: a file in the data folder. */
  pepper: unset("pepper", "HERALD_PEPPER", secret),
  audit: {
    /** The private key that signs the audit log, PKCS #8 of Ed25519. Absent: a file in the data folder. */
    key: unset("audit.key", "HERALD_AUDIT_KEY", secret)
  },
  access: {
    ratePerSecond: setting("limits.requestsPerSecond", "LIMIT_REQUESTS_PER_SECOND", integer(1, 1_000_000), 5_000),
    burst: setting("limits.burst", "LIMIT_BURST", integer(1, 1_000_000), 10_000)
  }
}
