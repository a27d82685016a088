/** Selections of each so many'th event, which may be left between two events. */
import type { Batch } from "../../src/fanout/Batch.ts"
import type { Looker, Selection } from "../../src/fanout/Group.ts"
import { batchOf, eventsOf, type Picked } from "../../src/fanout/Picking.ts"
import { type Figures, NO_FIGURES, sumOf } from "../../src/filters/Figures.ts"

/** Of one topic: all filters are looked at together. */
const filters = new Map<number, object>()
/** What was looked at live. */
const counts = new Map<object, Figures>()

const figuresOf = (looked: number, matched: number): Figures => ({ ...NO_FIGURES, looked, matched })

function* taken(batch: Batch, nth: number): Generator<void, Batch> {
  const { partition, epoch, first, next } = batch
  const picked: Array<Picked> = []
  for (const one of eventsOf(batch)) {
    yield
    if (one.offset % nth === 0) picked.push(one)
  }
  return batchOf({ partition, epoch, first, next }, picked)
}

const looker: Looker = {
  *looking(batch) {
    const found: Array<object> = []
    for (const [nth, filter] of filters) {
      const { count } = yield* taken(batch, nth)
      counts.set(filter, sumOf(counts.get(filter) ?? NO_FIGURES, figuresOf(batch.count, count)))
      if (count > 0) found.push(filter)
    }
    return found
  }
}

export const each = (nth: number): Selection => {
  let filter = filters.get(nth)
  if (filter === undefined) filters.set(nth, (filter = {}))
  const its = filter
  return {
    ...{ looker, filter },
    *of(batch, counted) {
      const found = yield* taken(batch, nth)
      counted?.(figuresOf(batch.count, found.count))
      return found
    },
    live: (batch) => taken(batch, nth),
    figures: () => counts.get(its) ?? NO_FIGURES
  }
}
