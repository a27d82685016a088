/** Selections of each so many'th event, which may be left between two events. */
import type { Batch } from "../../src/fanout/Batch.ts"
import type { Looker, Selection } from "../../src/fanout/Group.ts"
import { batchOf, eventsOf, type Picked } from "../../src/fanout/Picking.ts"

/** Of one topic: all filters are looked at together. */
const filters = new Map<number, object>()

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
    for (const [nth, filter] of filters) if ((yield* taken(batch, nth)).count > 0) found.push(filter)
    return found
  }
}

export const each = (nth: number): Selection => {
  let filter = filters.get(nth)
  if (filter === undefined) filters.set(nth, (filter = {}))
  return { looker, filter, of: (batch) => taken(batch, nth), live: (batch) => taken(batch, nth) }
}
