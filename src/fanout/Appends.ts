/**
 * Tells of what this node appended to a log, once it is there. It is a hint as any other: whoever follows a partition takes what follows what it
 * has, and reads the rest from the log.
 *
 *   BX16 What is appended is answered as the log answered it, whoever listens and whatever they do with it.
 */
import { Effect } from "effect"
import type { Batch, Outcome } from "../topics/Batch.ts"
import type { Log } from "../topics/TopicLog.ts"
import type { Rows } from "./Ring.ts"
import { skipped } from "./Rows.ts"

export interface Appended extends Rows {
  /** The topic's id. */
  readonly topic: number
  readonly partition: number
  readonly epoch: number
}

export type Heard = (appended: Appended) => void

/** What of a batch is new in the log; undefined: nothing. */
export const appendedOf = (batch: Batch, outcome: Outcome): Appended | undefined => {
  if (outcome.is !== "placed") return undefined
  const fresh = outcome.placed.at(-1)
  if (fresh?.offset === undefined || fresh.duplicate) return undefined
  const { topic, partition, events } = batch
  const rows =
    fresh.count === events.count
      ? events.bytes
      : events.bytes.subarray(skipped(events.bytes, events.count - fresh.count))
  return { topic, partition, epoch: outcome.epoch, first: fresh.offset, count: fresh.count, rows, at: outcome.at }
}

/** The same log, and `heard` is called after what it appended. BX16 */
export const heardOf = (log: Log, heard: Heard): Log => ({
  ...log,
  append: (batch) =>
    Effect.tap(log.append(batch), (outcome) => {
      const appended = appendedOf(batch, outcome)
      return appended === undefined
        ? Effect.void
        : Effect.sync(() => heard(appended)).pipe(
            Effect.catchDefect((defect) => Effect.logError("an append was not heard", defect))
          )
    })
})
