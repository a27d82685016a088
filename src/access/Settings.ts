/** Settings of who may ask. */
import { hosts, httpUrl, secret, text } from "../settings/Form.ts"
import { jsonList, signatures } from "../settings/IssuerForms.ts"
import { optional, setting, unset } from "../settings/Setting.ts"

export const settings = {
  /** Shared by all nodes on one database. Absent: a file in the data folder. */
  pepper: unset("pepper", "HERALD_PEPPER", secret),
  /** Absent: no issuer's tokens are taken. */
  oidc: optional(["issuer", "audience"], {
    /** As the tokens' `iss` says it, letter by letter. */
    issuer: unset("oidc.issuer", "HERALD_OIDC_ISSUER", httpUrl),
    /** Of the tokens' `aud`: what they have to be for. */
    audience: unset("oidc.audience", "HERALD_OIDC_AUDIENCE", text),
    algorithms: setting("oidc.algorithms", "HERALD_OIDC_ALGORITHMS", signatures, ["RS256", "PS256", "ES256", "EdDSA"]),
    /** Who may what, by claims: docs/access.md. */
    roles: setting("oidc.roles", "HERALD_OIDC_ROLES", jsonList, []),
    /** The claim that `herald access whoami` shows beside the principal, which is the `sub`. Absent: none. */
    nameClaim: unset("oidc.nameClaim", "HERALD_OIDC_NAME_CLAIM", text),
    /** The public client at the issuer that `herald login` is. Absent: nobody can sign in by it. */
    client: unset("oidc.client", "HERALD_OIDC_CLIENT", text),
    /** What `herald login` asks for, with spaces between. */
    scope: setting("oidc.scope", "HERALD_OIDC_SCOPE", text, "openid offline_access"),
    /** `host:port` of an issuer that is on this machine or in its network, and may be asked by http, too. */
    near: unset("oidc.near", "HERALD_OIDC_NEAR", hosts)
  })
}
