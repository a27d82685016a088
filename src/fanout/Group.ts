/**
 * Readers who are sent the same bytes: of one topic, with the same partitions, filter, fields, and whether they want differences. State without work.
 *
 *   BX9  What a filter and fields make of a batch is made once for all of a group.
 */
import type { Batch } from "./Batch.ts"
import { changedOf } from "./Changed.ts"
import type { Reader } from "./Reader.ts"

/** A filter and fields, as they were compiled. It never throws: an event that it can't judge is not taken. */
export interface Selection {
  /** The events that are taken, as they are sent; an empty batch for none. */
  readonly of: (batch: Batch) => Batch
  /** Looks at a batch for all selections of the topic, and may be left between two events. Not to be done for two batches at once. BX31 */
  readonly looking: (batch: Batch) => Generator<void, void>
  /** As `of`, of the batch that was looked at last: an event is looked at once for all of them. */
  readonly live: (batch: Batch) => Batch
}

export class Group {
  readonly key: string
  /** In order. */
  partitions: ReadonlyArray<number>
  /** Of all partitions that the topic has, also of those that it will have. */
  readonly whole: boolean
  /** Undefined: all events as they are. */
  readonly selection: Selection | undefined
  /** They are sent differences. BX30 */
  readonly delta: boolean
  /** Those who are live, and some that were until just now. */
  readonly live: Array<Reader> = []
  readonly readers = new Set<Reader>()
  /** By partition, the last batch of which nothing was taken, and nobody was told so. */
  readonly quiet = new Map<number, Batch>()

  constructor(
    key: string,
    partitions: ReadonlyArray<number>,
    whole: boolean,
    selection: Selection | undefined,
    delta: boolean
  ) {
    this.key = key
    this.partitions = partitions
    this.whole = whole
    this.selection = selection
    this.delta = delta
  }

  /** `live`: all groups are asked for this batch. BX9 */
  made(batch: Batch, live = false): Batch {
    const chosen = this.chosen(batch, live)
    return this.delta ? changedOf(chosen) : chosen
  }

  /** The same, each event whole. */
  chosen(batch: Batch, live = false): Batch {
    const { selection } = this
    return selection === undefined ? batch : live ? selection.live(batch) : selection.of(batch)
  }

  indexOf(partition: number): number {
    return this.partitions.indexOf(partition)
  }
}
