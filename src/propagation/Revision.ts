/** Revisions: the log that is the truth. Pure. */
import type { Position } from "./Position.ts"

/** One change of a commit, as what it changed is afterwards. What follows is its kind's own. */
export interface Change {
  readonly kind: string
  readonly environment: string
  readonly key: string
}

/** One commit. */
export interface Revision<C extends Change = Change> extends Position {
  /** Of any kinds, in the order in which they were asked for; what was deleted is among them. */
  readonly changes: ReadonlyArray<C>
  /** W3C trace context of the publisher, or "". */
  readonly traceparent: string
  readonly actor: string
  readonly message: string
  /** Milliseconds since 1970, the database's clock. */
  readonly committedAt: number
}
