/** Makes rows of the log into the model. */
import type { KindsShape } from "../../../src/propagation/Kind.ts"
import type { Revision } from "../../../src/propagation/Revision.ts"

export interface RevisionRow {
  readonly revision: string
  readonly epoch: string
  readonly payload: ReadonlyArray<object>
  readonly traceparent: string
  readonly actor: string
  readonly message: string
  readonly committedAt: number
}

/** Leaves out what a query selects besides these columns. */
export const asRevision = ({ fromLog }: KindsShape, row: RevisionRow): Revision => ({
  epoch: row.epoch,
  revision: BigInt(row.revision),
  committedAt: row.committedAt,
  actor: row.actor,
  message: row.message,
  traceparent: row.traceparent,
  changes: row.payload.map(fromLog)
})
