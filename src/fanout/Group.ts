/**
 * Readers who are sent the same bytes: of one topic, with the same partitions, filter, fields, and whether they want differences. State without work.
 *
 *   BX9  What a filter and fields make of a batch is made once for all of a group.
 */
import { type Figures, NO_FIGURES, sinceThen, sumOf } from "../filters/Figures.ts"
import type { Batch } from "./Batch.ts"
import { changedOf } from "./Changed.ts"
import type { Reader } from "./Reader.ts"

/** What looks at events for all filters of one schema. */
export interface Looker {
  /** Looks at a batch, and may be left between two events; gives the filters that take some of it. Not to be done for two batches at once. BX31 */
  readonly looking: (batch: Batch) => Generator<void, Iterable<object>>
}

/**
 * A filter and fields, as they were compiled. It never throws: an event that it can't judge is not taken. What it makes may be left between two events.
 * BX31
 */
export interface Selection {
  readonly looker: Looker
  /** One that `looking` gives; undefined: all events are taken. */
  readonly filter: object | undefined
  /** The events that are taken, as they are sent; an empty batch for none. `counted`: told what became of them by the filter, if there is one. */
  readonly of: (batch: Batch, counted?: Counted) => Generator<void, Batch>
  /** As `of`, of the batch that was looked at last: an event is looked at once for all of them. */
  readonly live: (batch: Batch) => Generator<void, Batch>
  /** What became by its filter of all that was looked at live. */
  readonly figures: () => Figures
}

export type Counted = (figures: Figures) => void

export class Group {
  readonly key: string
  /** Of all partitions that the topic has, also of those that it will have. */
  readonly whole: boolean
  #selection: Selection | undefined
  /** What was counted by those that it had before. BX41 */
  #counted = NO_FIGURES
  /** They are sent differences. BX30 */
  readonly delta: boolean
  /** Those who are live, and some that were until just now. */
  readonly live: Array<Reader> = []
  readonly readers = new Set<Reader>()
  /** By partition, how far they were told since it was last looked who was told nothing. */
  readonly told = new Map<number, number>()
  #partitions: ReadonlyArray<number> = []
  #has = new Set<number>()

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
    this.#selection = selection
    this.delta = delta
  }

  /** Undefined: all events as they are. */
  get selection(): Selection | undefined {
    return this.#selection
  }

  /** From now on; what was counted stays. */
  reselect(selection: Selection | undefined): void {
    const { figures } = this
    this.#selection = selection
    this.#counted = sinceThen(figures, selection?.figures() ?? NO_FIGURES)
  }

  /** What became of all that was looked at live for it, and perhaps more: only how much that grows says something. BX41 */
  get figures(): Figures {
    return sumOf(this.#counted, this.#selection?.figures() ?? NO_FIGURES)
  }

  /** In order. */
  get partitions(): ReadonlyArray<number> {
    return this.#partitions
  }

  set partitions(partitions: ReadonlyArray<number>) {
    this.#partitions = partitions
    this.#has = new Set(partitions)
  }

  has(partition: number): boolean {
    return this.#has.has(partition)
  }

  /** It takes some events and not others. */
  get isChoosing(): boolean {
    return this.selection?.filter !== undefined
  }

  /** `live`: all filters were asked for this batch. BX9 */
  *made(batch: Batch, live = false, counted?: Counted): Generator<void, Batch> {
    const chosen = yield* this.chosen(batch, live, counted)
    return this.delta ? yield* changedOf(chosen) : chosen
  }

  /** The same, each event whole. */
  *chosen(batch: Batch, live = false, counted?: Counted): Generator<void, Batch> {
    const { selection } = this
    if (selection === undefined) return batch
    return yield* live ? selection.live(batch) : selection.of(batch, counted)
  }

  indexOf(partition: number): number {
    return this.partitions.indexOf(partition)
  }
}
