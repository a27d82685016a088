/** Settings of who may ask, and how often. */
import { hosts, httpUrl, integer, secret, text } from "../settings/Form.ts"
import { jsonList, signatures } from "../settings/IssuerForms.ts"
import { optional, setting, unset } from "../settings/Setting.ts"

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
  },
  /** Absent: no issuer's tokens are taken. */
  oidc: optional(["issuer", "audience"], {
    /** As the tokens' `iss` says it, letter by letter. */
    issuer: unset("oidc.issuer", "HERALD_OIDC_ISSUER", httpUrl),
    /** Of the tokens' `aud`: what they have to be for. */
    audience: unset("oidc.audience", "HERALD_OIDC_AUDIENCE", text),
    algorithms: setting("oidc.algorithms", "HERALD_OIDC_ALGORITHMS", signatures, ["RS256", "PS256", "ES256", "EdDSA"]),
    /** Who may what, by claims: docs/access.md. */
    roles: setting("oidc.roles", "HERALD_OIDC_ROLES", jsonList, []),
    /** The claim that names a principal. Absent: `sub`. */
    nameClaim: unset("oidc.nameClaim", "HERALD_OIDC_NAME_CLAIM", text),
    /** `host:port` of an issuer that is on this machine or in its network, and may be asked by http, too. */
    near: unset("oidc.near", "HERALD_OIDC_NEAR", hosts)
  })
}
