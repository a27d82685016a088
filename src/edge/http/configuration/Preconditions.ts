/** Conditional requests (RFC 9110 §13): entity tags name a version, `"<version>-<first 16 of the digest>"`. Pure. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"

export const etagOf = ({ version, digest }: { readonly version: number; readonly digest: string }): string =>
  `"${version}-${digest.slice(0, 16)}"`

/** Weak comparison, for `If-None-Match` of a GET. */
export const noneMatch = (header: string | undefined, etag: string): boolean =>
  header === undefined ||
  !header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag)

const TAG = /^(?:W\/)?"?(\d{1,15})(?:-[0-9a-f]{1,64})?"?$/

/** The version that must be current, from `If-Match`, `If-None-Match: *` and the body's `expectedVersion`. */
export const expectedVersion = (given: {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly body: number | undefined
}): Effect.Effect<number | undefined, HeraldError> => {
  const wishes: Array<number> = given.body === undefined ? [] : [given.body]
  if (given.ifMatch !== undefined) {
    const version = TAG.exec(given.ifMatch.trim())?.[1]
    if (version === undefined) {
      return refuse('If-Match: give one version number or the ETag of a read, such as "7" or "7-9f86d081884c7d65"')
    }
    wishes.push(Number(version))
  }
  if (given.ifNoneMatch !== undefined) {
    if (given.ifNoneMatch.trim() !== "*") return refuse("If-None-Match: a write takes only *, the key must not exist")
    wishes.push(0)
  }
  if (new Set(wishes).size > 1) {
    return refuse(`the request expects different versions at once: ${[...new Set(wishes)].join(", ")}`)
  }
  return Effect.succeed(wishes[0])
}

const refuse = (message: string) => Effect.fail(failure("InvalidInput", message))
