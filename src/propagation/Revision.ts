/** Positions and revisions: the log that is the truth. Pure. */
import type { Configuration } from "../configuration/Configuration.ts"

/**
 * A place in the log. Revisions of different epochs can't be compared: a client from another epoch takes a snapshot.
 * `revision` counts commits from 1 without gaps.
 */
export interface Position {
  readonly epoch: string
  readonly revision: bigint
}

/** One commit: every configuration that it changed, as it is afterwards (tombstones included). */
export interface Revision extends Position {
  readonly changes: ReadonlyArray<Configuration>
  /** W3C trace context of the publisher, or "". */
  readonly traceparent: string
  readonly actor: string
  readonly message: string
  /** Milliseconds since 1970, the database's clock. */
  readonly committedAt: number
}
