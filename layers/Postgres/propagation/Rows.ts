/** From rows of the log to the model. */
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

/** What a query selects beside these columns stays behind. */
export const asRevision = ({ fromLog }: KindsShape, row: RevisionRow): Revision => ({
  epoch: row.epoch,
  revision: BigInt(row.revision),
  committedAt: row.committedAt,
  actor: row.actor,
  message: row.message,
  traceparent: row.traceparent,
  changes: row.payload.map(fromLog)
})
