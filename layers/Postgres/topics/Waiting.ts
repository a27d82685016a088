/** Describes a batch that waits to be appended to PostgreSQL. */
import type { Batch } from "../../../src/topics/Batch.ts"
import { WaitingBatch } from "../../../src/topics/WaitingBatch.ts"

export class Waiting extends WaitingBatch {
  /** When nobody waits for it any longer, for whatever answer. */
  readonly gives: bigint
  /** Its answer was lost, so it may be in the log. */
  lost = false

  constructor(batch: Batch, { done, until, gives }: Pick<Waiting, "done" | "until" | "gives">) {
    super(batch, done, until)
    this.gives = gives
  }
}

/** The earliest `until` of some, at least one. */
export const earliest = (batches: ReadonlyArray<Waiting>): bigint => {
  let found = batches[0]!.until
  for (const { until } of batches) if (until < found) found = until
  return found
}
