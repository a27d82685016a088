/**
 * A header list as a request (RFC 9113 §8). Pure.
 *
 *   CC3  A list that is no request is malformed: its stream is reset (§8.1.1). What other servers forgive, such as spaces at the end of a
 *        value, is forgiven.
 */
import type { Header } from "./Hpack.ts"

export interface Request {
  readonly method: string
  readonly path: string
  readonly authority: string
  /** Those without a colon, as they came. */
  readonly headers: ReadonlyArray<Header>
  /** Undefined: not said. */
  readonly contentLength: number | undefined
}

/** §8.2.1, and RFC 9110 §5.6.2 */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^[^\0\r\n]*$/
/** §8.2.2 */
const OF_HTTP_1 = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"])
const PSEUDO = new Set([":method", ":scheme", ":path", ":authority"])

/** Names that were right before; they are few, and every call has the same. */
const known = new Set<string>()
const KNOWN = 256

const rightName = (name: string): boolean => {
  if (known.has(name)) return true
  if (!NAME.test(name) || OF_HTTP_1.has(name)) return false
  if (known.size < KNOWN && name.length < 64) known.add(name)
  return true
}

/** Undefined: malformed. */
export const requestOf = (list: ReadonlyArray<Header>): Request | undefined => {
  const pseudo = new Map<string, string>()
  const headers: Array<Header> = []
  let contentLength: number | undefined
  for (const header of list) {
    const [name, value] = header
    if (!VALUE.test(value)) return undefined
    if (name.charCodeAt(0) === 58 /* : */) {
      if (headers.length > 0 || !PSEUDO.has(name) || pseudo.has(name)) return undefined
      pseudo.set(name, value)
      continue
    }
    if (!rightName(name)) return undefined
    if (name === "te" && value !== "trailers") return undefined
    if (name === "content-length") {
      if (!/^\d{1,15}$/.test(value) || (contentLength !== undefined && contentLength !== Number(value)))
        return undefined
      contentLength = Number(value)
    }
    headers.push(header)
  }
  const [method, scheme, path] = [pseudo.get(":method"), pseudo.get(":scheme"), pseudo.get(":path")]
  if (method === undefined || scheme === undefined || path === undefined || path === "") return undefined
  return { method, path, authority: pseudo.get(":authority") ?? valueOf(headers, "host") ?? "", headers, contentLength }
}

/** Whether a list may end a request. §8.1 */
export const areTrailers = (list: ReadonlyArray<Header>): boolean =>
  list.every(([name, value]) => rightName(name) && VALUE.test(value))

export const valueOf = (headers: ReadonlyArray<Header>, name: string): string | undefined =>
  headers.find((header) => header[0] === name)?.[1]

/** Of a list that was too long: enough to answer it. */
export const partial = (headers: ReadonlyArray<Header>): Request => {
  const path = headers.find(([name]) => name === ":path")?.[1] ?? ""
  return { method: "POST", path, authority: "", headers, contentLength: undefined }
}
