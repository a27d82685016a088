/**
 * Takes secrets out of texts where they don't belong. Pure.
 *
 *   TU1  A token in a URL, whether as a parameter, in the path or in front of the host, reaches no route, trace, log or answer.
 *   TU2  What looks like a token of Herald's or a JWT stands in no line of a log, and in nothing that the command line tells of an error or a plan. What a text costs
 *        grows with its length alone.
 */

const TOKEN = /hrld_([a-f0-9]{16})_[a-f0-9]{16,}/gi
const PARAMETER =
  /([?&](?:access_?token|id_?token|auth_?token|token|bearer|auth|authorization|api_?key|apikey|password|passwd|secret|credential|sig|signature)=)[^&#]*/gi
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/** Opens a stream, once; and a service token. */
const SEALED = /(hrtk|hrst)_[A-Za-z0-9_-]+(?:\.[0-9a-f]{1,64})?/gi

/** What is between parts, as it is or percent-encoded. */
const DOT = /\.|%(?:25)*2e/gi
/** Three parts with dots and more, whole: nowhere in the middle of a part is begun anew. TU2 */
const PARTS = /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]*(?:(?:\.|%(?:25)*2e)[A-Za-z0-9_-]*){2,}/gi
/** The beginning of a JSON object in base64url (`{"`, or white space between the two), maybe behind the end of something else, such as `%20`. */
const BEGUN = /e(?:yJ|(?:yA|wo|w0|wk)[igJKN])/
const HEAD = new RegExp(`${BEGUN.source}[A-Za-z0-9_-]{4,}`)

/** Without what is from the first part on that looks like a header and has two more behind it. */
const withoutJwt = (parts: string): string => {
  const dots = [...parts.matchAll(DOT)]
  let from = 0
  for (const dot of dots.slice(0, -1)) {
    const at = parts.slice(from, dot.index).search(HEAD)
    if (at >= 0) return `${parts.slice(0, from + at)}jwt_redacted`
    from = dot.index + dot[0].length
  }
  return parts
}

/** Without the secrets of tokens; ids of Herald's own stay, for whoever has to revoke them. */
export const withoutTokens = (text: string): string => {
  const own = text.replace(TOKEN, "hrld_$1_redacted").replace(SEALED, "$1_redacted")
  return BEGUN.test(own) ? own.replace(PARTS, withoutJwt) : own
}

/** The path and query of a request, as its route may see them. TU1 */
export const withoutSecrets = (url: string): string => {
  const path = url.replace(ABSOLUTE, "")
  const rooted = path.startsWith("/") || path === "*" ? path : `/${path}`
  // Percent-encoding hides nothing from a log that decodes it.
  return withoutTokens(rooted.replace(PARAMETER, "$1redacted"))
}
