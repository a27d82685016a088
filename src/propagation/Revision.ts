/** Revisions: the log that is the truth. Pure. */
import type { Configuration } from "../configuration/Configuration.ts"
import type { Position } from "./Position.ts"

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
