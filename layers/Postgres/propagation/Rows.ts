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

export const asRevision = ({ fromLog }: KindsShape, { revision, payload, ...row }: RevisionRow): Revision => ({
  ...row,
  revision: BigInt(revision),
  changes: payload.map(fromLog)
})
