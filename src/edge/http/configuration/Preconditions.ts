/**
 * Reads the headers of conditional requests (RFC 9110 §13). Pure.
 *
 *   ET1  An entity tag names a version by its number and its content, `"<version>-<first 16 of the digest>"`, with how it was compressed
 *        behind it: only the whole of it fits.
 *   ET2  `If-Match` compares strongly: weak tags, and tags that are none of Herald's, fit nothing. `If-None-Match` compares weakly.
 *   ET3  What is no entity tag, `*`, list of tags or version number is refused, never left out.
 */
import { Effect } from "effect"
import type { Condition, Tag } from "../../../configuration/Condition.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"

/** Hex digits of the digest in a tag. */
const DIGITS = 16

export const etagOf = ({ version, digest }: { readonly version: number; readonly digest: string }): string =>
  `"${version}-${digest.slice(0, DIGITS)}"`

interface EntityTag {
  readonly weak: boolean
  /** What is between the quotes. */
  readonly opaque: string
}

/**
 * One of a list, with what ends it: https://www.rfc-editor.org/rfc/rfc9110#name-etag. Blanks behind a tag belong to the tag: were they
 * optional twice without one between, a header of blanks would be tried in every way to share them.
 */
const ENTITY_TAG = /[\t ]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[\t ]*)?(?:,|$)/y
/** Tags in one header. */
const MOST = 100

/** "*" or the tags of a header; undefined when it is neither. ET3 */
const tagsIn = (header: string): "*" | ReadonlyArray<EntityTag> | undefined => {
  if (header.trim() === "*") return "*"
  const tags: Array<EntityTag> = []
  ENTITY_TAG.lastIndex = 0
  while (ENTITY_TAG.lastIndex < header.length) {
    const found = ENTITY_TAG.exec(header)
    if (found === null) return undefined
    if (found[2] !== undefined) tags.push({ weak: found[1] !== undefined, opaque: found[2] })
  }
  return tags.length === 0 || tags.length > MOST ? undefined : tags
}

/** ET1 */
const OURS = /^(\d{1,10})-([0-9a-f]{16})(?:-gzip|-br)?$/

const versionOf = ({ opaque }: EntityTag): ReadonlyArray<Tag> => {
  const [, version, digest] = OURS.exec(opaque) ?? []
  return version === undefined || digest === undefined ? [] : [{ version: Number(version), digest }]
}

/** The tag of `If-None-Match` by which the caller of a GET has this version already; undefined: it is answered in full. ET2 */
export const heldTag = (header: string | undefined, etag: string): string | undefined => {
  if (header === undefined) return undefined
  const tags = tagsIn(header)
  if (tags === "*") return etag
  const plain = etag.slice(1, -1)
  const held = tags?.find(({ opaque }) => opaque.replace(/-(?:gzip|br)$/, "") === plain)
  return held && `"${held.opaque}"`
}

/** A version number, plain or in quotes. */
const NUMBER = /^(?:(\d{1,10})|"(\d{1,10})")$/

/** Which current version a write is meant for, by `If-Match`, `If-None-Match` and the body's `expectedVersion`. */
export interface Expected {
  readonly expectedVersion?: number
  readonly condition?: Condition
}

export const expectedOf = (given: {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly body: number | undefined
}): Effect.Effect<Expected, HeraldError> => {
  const versions = new Set(given.body === undefined ? [] : [given.body])
  let [oneOf, noneOf]: [Condition["oneOf"], Condition["noneOf"]] = [undefined, undefined]
  if (given.ifMatch !== undefined) {
    const [, plain, quoted] = NUMBER.exec(given.ifMatch.trim()) ?? []
    const version = plain ?? quoted
    const tags = tagsIn(given.ifMatch)
    if (version !== undefined) versions.add(Number(version))
    else if (tags === undefined)
      return refuse('If-Match: give a version number, *, or ETags of reads, such as 7 or "7-9f86d081884c7d65"')
    else oneOf = tags === "*" ? "anything" : tags.filter(({ weak }) => !weak).flatMap(versionOf) // ET2
  }
  if (given.ifNoneMatch !== undefined) {
    const tags = tagsIn(given.ifNoneMatch)
    if (tags === undefined)
      return refuse('If-None-Match: give *, the key must not exist, or ETags of reads, such as "7-9f86d081884c7d65"')
    if (tags === "*") versions.add(0)
    else noneOf = tags.flatMap(versionOf)
  }
  if (versions.size > 1) return refuse(`the request expects different versions at once: ${[...versions].join(", ")}`)
  const [version] = versions
  return Effect.succeed({
    ...(version === undefined ? {} : { expectedVersion: version }),
    ...(oneOf === undefined && noneOf === undefined ? {} : { condition: { oneOf, noneOf } })
  })
}

const refuse = (message: string) => Effect.fail(failure("InvalidInput", message))
