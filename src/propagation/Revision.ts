/** Describes revisions, the entries of the log that is the truth. Pure. */
import type { Position } from "./Position.ts"

/** One change of a commit: the thing as it is afterwards. Each kind adds fields of its own. */
export interface Change {
  readonly kind: string
  readonly environment: string
  readonly key: string
}

/** One commit. */
export interface Revision<C extends Change = Change> extends Position {
  /** Of any kinds, in the order in which they were asked for, deletions included. */
  readonly changes: ReadonlyArray<C>
  /** W3C trace context of the publisher, or "". */
  readonly traceparent: string
  /** The publisher's principal. */
  readonly actor: string
  readonly message: string
  /** Milliseconds since 1970, by the database's clock. */
  readonly committedAt: number
}
