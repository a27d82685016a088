/**
 * Takes secrets out of texts where they don't belong. Pure.
 *
 *   TU1  A token in a URL, whether as a parameter, in the path or in front of the host, reaches no route, trace, log or answer.
 *   TU2  What looks like a token of Herald's or a JWT stands in no line of a log, and in nothing that the command line tells of an error or a plan.
 */

const TOKEN = /hrld_([a-f0-9]{16})_[a-f0-9]{16,}/gi
const PARAMETER =
  /([?&](?:access_?token|id_?token|auth_?token|token|bearer|auth|authorization|api_?key|apikey|password|passwd|secret|credential|sig|signature)=)[^&#]*/gi
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/** Opens a stream, once; and a service token. */
const SEALED = /(hrtk|hrst)_[A-Za-z0-9_-]+(?:\.[0-9a-f]{1,64})?/gi

/** Signed or encrypted: its first part is a JSON object, which begins with `{"` in base64. */
const JWT = /eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}/g

/** Without the secrets of Herald's own tokens and without JWTs; ids stay, for whoever has to revoke them. TU2 */
export const withoutTokens = (text: string): string =>
  text.replace(TOKEN, "hrld_$1_redacted").replace(SEALED, "$1_redacted").replace(JWT, "jwt_redacted")

/** The path and query of a request, as its route may see them. TU1 */
export const withoutSecrets = (url: string): string => {
  const path = url.replace(ABSOLUTE, "")
  const rooted = path.startsWith("/") || path === "*" ? path : `/${path}`
  // Percent-encoding hides nothing from a log that decodes it.
  return withoutTokens(rooted.replace(PARAMETER, "$1redacted"))
}
