/**
 * Which pages in browsers may read what is for programs, where the page is of another origin: https://fetch.spec.whatwg.org/#http-cors-protocol.
 * Pure.
 *
 *   OX1  Only pages of the origins that are named, or of all where that is `*`, and never with the browser's cookies: who reads has a key of its own.
 *   OX2  A page that may not is told nothing: its browser says so. Whoever is no browser is served as ever.
 */

/** All of them. */
export const EVERY_ORIGIN = "*"

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** As a browser says it: `https://app.example.com`, with no path. */
export const isOrigin = (text: string): boolean => ORIGIN.test(text)

export interface Origins {
  /** What an answer says to the page of `origin`, which is undefined where no browser asks. OX1, OX2 */
  readonly answering: (origin: string | undefined) => Readonly<Record<string, string>>
  /** What a browser is told that asks before it asks; `headers` are those that it wants to send. Undefined: its page may not. */
  readonly preflight: (
    origin: string | undefined,
    headers: string | undefined
  ) => Readonly<Record<string, string>> | undefined
}

export interface OriginsOptions {
  /** Empty: none. */
  readonly origins: ReadonlyArray<string>
  readonly methods: ReadonlyArray<string>
  /** Headers of answers that pages may read, beyond those that all may. */
  readonly exposed: ReadonlyArray<string>
}

/** Seconds for which a browser remembers: no browser does for longer than a day. */
const REMEMBERED = "86400"
/** Names of headers, with commas between. */
const NAMES = /^[\w!#$%&'*+.^`|~, -]{1,1024}$/

export const makeOrigins = ({ origins, methods, exposed }: OriginsOptions): Origins => {
  const every = origins.includes(EVERY_ORIGIN)
  const named = new Set(origins)
  // A cache must not give to one page what was made for another.
  const varies: Readonly<Record<string, string>> = every || named.size === 0 ? {} : { vary: "Origin" }
  const common = { ...varies, ...(exposed.length === 0 ? {} : { "access-control-expose-headers": exposed.join(", ") }) }
  const toEvery = { ...common, "access-control-allow-origin": EVERY_ORIGIN }

  const answering = (origin: string | undefined): Readonly<Record<string, string>> => {
    if (origin === undefined) return varies
    if (every) return toEvery
    return named.has(origin) ? { ...common, "access-control-allow-origin": origin } : varies
  }

  return {
    answering,
    preflight: (origin, headers) => {
      if (origin === undefined || !(every || named.has(origin))) return undefined
      return {
        ...varies,
        "access-control-allow-origin": every ? EVERY_ORIGIN : origin,
        "access-control-allow-methods": methods.join(", "),
        ...(headers !== undefined && NAMES.test(headers) ? { "access-control-allow-headers": headers } : {}),
        "access-control-max-age": REMEMBERED
      }
    }
  }
}
