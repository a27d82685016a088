/**
 * What must be current for a write to happen, besides a plain version number. Pure.
 *
 *   CD1  A condition is judged by what is current, and by nothing else when its turn is decided: the write is bound to the version that it
 *        was judged by, whole, and judged again when that was replaced meanwhile.
 *   CD2  A key that is not there, or was deleted, fits no tag and not "anything".
 */
import type { Configuration } from "./Configuration.ts"

/** A version and the start of its digest: after history was lost, the same number may be another version. */
export interface Tag {
  readonly version: number
  /** The first hex digits of the SHA-256 of its value. */
  readonly digest: string
}

export interface Condition {
  /** The current version must be one of these. Undefined: any will do. An empty list: none will. */
  readonly oneOf?: ReadonlyArray<Tag> | "anything" | undefined
  /** The current version must be none of these. */
  readonly noneOf?: ReadonlyArray<Tag> | undefined
}

export type Judged = Pick<Configuration, "version" | "digest" | "deleted">

/** CD2 */
export const holds = ({ oneOf, noneOf = [] }: Condition, current: Judged | undefined): boolean => {
  const live = current === undefined || current.deleted ? undefined : current
  const is = ({ version, digest }: Tag) => live?.version === version && live.digest.startsWith(digest)
  const fits = oneOf === undefined || (oneOf === "anything" ? live !== undefined : oneOf.some(is))
  return fits && !noneOf.some(is)
}
