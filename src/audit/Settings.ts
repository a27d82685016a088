/** Settings of the audit log. */
import { secret } from "../settings/Form.ts"
import { unset } from "../settings/Setting.ts"

export const settings = {
  audit: {
    /** The private key that signs the audit log, PKCS #8 of Ed25519. Absent: a file in the data folder. */
    key: unset("audit.key", "HERALD_AUDIT_KEY", secret)
  }
}
