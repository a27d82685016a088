/** Describes where changes of one kind are kept in memory: the counterpart of the kind's functions in the database (decision 0018). */
import { createHash } from "node:crypto"
import type { Release, Wish } from "../../../src/commits/Release.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Change } from "../../../src/propagation/Revision.ts"

/** The commit that a change is written by. */
export interface At {
  readonly revision: bigint
  /** Milliseconds since 1970. */
  readonly now: number
  readonly actor: string
  /** Why, as the publisher says. */
  readonly message: string
  /** All of the release. */
  readonly changes: ReadonlyArray<Wish>
}

export interface Table {
  /** What stands in the way of a change, or nothing. */
  problem(wish: Wish, release: Release): HeraldError | undefined
  /** What else stands in the way of a release with changes of this kind. */
  unmet?(release: Release): HeraldError | undefined
  /** Writes it; returns the change as it is now. */
  write(wish: Wish, at: At): Change
  /** What was written at that revision; undefined when nothing was. */
  at(change: Pick<Change, "environment" | "key">, revision: bigint): Change | undefined
  /** Removes what is behind the horizon; returns how many. */
  sweep(horizon: bigint): number
}

/** Its name in the audit log. */
export const entryOf = ({ kind, environment, key }: Pick<Change, "kind" | "environment" | "key">): string =>
  kind === "configuration" ? `${environment}/${key}` : `@${kind}/${environment}/${key}`

/** SHA-256 (hex) over all fields of a change. */
export const digestOf = (change: Change): string =>
  createHash("sha256")
    .update(JSON.stringify(change, (_, value) => (typeof value === "bigint" ? String(value) : value)))
    .digest("hex")
