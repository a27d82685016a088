/** A value and where it comes from. Pure. */
import { messageOf, ValueError } from "./ClientError.ts"

/** Where a value comes from, best first. */
export type Source = "live" | "disk" | "bootstrap" | "default"

/** What `getEntry` returns. Plain data: it can be logged, spread, cloned and given to `JSON.stringify`. */
export interface Entry<T = unknown> {
  readonly key: string
  /** JSON values are frozen: they are shared by everyone who reads them. */
  readonly value: T
  /** The value exactly as it was published, even where JavaScript has no such number; "" for bootstrap and default values. */
  readonly text: string
  /** 0 for bootstrap and default values. */
  readonly version: number
  /** An integer below 2^53, as in REST; only revisions of one epoch can be compared. */
  readonly revision: number
  readonly epoch: string
  readonly source: Source
  /** It may not be the newest: the client is not live, its node is unsure, or a newer one was refused here. */
  readonly stale: boolean
  /** SHA-256 of the content, hex; "" for bootstrap and default values. */
  readonly digest: string
  readonly format: string
  readonly strict: boolean
}

/** Identity of a version: revisions of different epochs can't be compared. */
export interface Mark {
  readonly epoch: string
  readonly revision: bigint
  readonly digest: string
}

/** A version that came from the server, now or before a restart. */
export interface Version extends Mark {
  readonly key: string
  readonly version: number
  readonly format: string
  /** The whole content; "" for a deletion. */
  readonly content: string
  readonly deleted: boolean
  readonly strict: boolean
  /** The server could not confirm it. */
  readonly unconfirmed: boolean
  readonly source: "live" | "disk"
  readonly traceparent: string
  /** What `valueOf` read. A field, because a WeakMap of 100,000 versions makes every garbage collection slow. */
  parsed?: { readonly value: unknown } | undefined
}

export const sameMark = (a: Mark, b: Mark): boolean =>
  a.epoch === b.epoch && a.revision === b.revision && a.digest === b.digest

const freeze = (value: unknown): unknown => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) freeze(child)
  }
  return value
}

const read = (format: string, content: string): unknown => {
  switch (format) {
    case "json":
      return freeze(JSON.parse(content))
    case "number": {
      const number = Number(content)
      if (content.trim() === "" || !Number.isFinite(number)) throw new Error("not a number")
      return number
    }
    case "boolean":
      if (content !== "true" && content !== "false") throw new Error("neither true nor false")
      return content === "true"
    default:
      return content
  }
}

/** json, number and boolean as themselves; string and yaml as text. Throws `ValueError`. */
export const valueOf = (version: Version): unknown => {
  if (version.parsed !== undefined) return version.parsed.value
  try {
    const value = read(version.format, version.content)
    version.parsed = { value }
    return value
  } catch (error) {
    throw new ValueError(
      `version ${version.version} of "${version.key}" can't be read as ${version.format}: ${messageOf(error)}. Publish a correct value.`
    )
  }
}
