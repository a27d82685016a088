/**
 * Batches that have some of the events of others: those that a filter takes, and the newest of each key. Pure.
 *
 *   BX6  What is left out changes nothing of what is left: its order, its offset, its time.
 *   BX7  Of events with the same key the last is the one that is left; one without a key is always left.
 */
import { Batch, laterOf, timesOf } from "./Batch.ts"
import { keyOf } from "./Rows.ts"

/** An event on its way into another batch. */
export interface Picked {
  /** With tag and length. */
  readonly entry: Uint8Array
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Its events, with their offsets and times. */
export function* eventsOf(batch: Batch): Generator<Picked, void> {
  const times = batch.later === undefined ? undefined : timesOf(batch)
  let offset = batch.first
  let i = 0
  for (const entry of batch.entries()) {
    offset += batch.steps === undefined ? (i === 0 ? 0 : 1) : batch.steps[i]!
    yield { entry, offset, at: times?.[i] ?? batch.at }
    i++
  }
}

/** Where events are that were picked. */
export interface Range {
  readonly partition: number
  readonly epoch: number
  readonly first: number
  readonly next: number
  readonly leftOut?: number
}

/** One batch of them. BX6 */
export const batchOf = ({ first, next, ...of }: Range, picked: ReadonlyArray<Picked>): Batch => {
  if (picked.length === next - first && picked.length > 0)
    return new Batch({ ...of, first, next, count: picked.length, ...parts(picked) })
  let before = first
  const steps = picked.map(({ offset }) => {
    const step = offset - before
    before = offset
    return step
  })
  return new Batch({ ...of, first, next, count: picked.length, steps, ...parts(picked) })
}

const parts = (picked: ReadonlyArray<Picked>) => ({
  at: picked[0]?.at ?? 0,
  later: laterOf(picked.map(({ at }) => at)),
  rows: picked.map(({ entry }) => entry)
})

/**
 * The newest of each key, in as many batches as they need, none of more than `bytes` if it is more than one event. The last one ends where the
 * range does, and may be empty. BX7
 */
export const conflated = (range: Range, all: ReadonlyArray<Picked>, bytes: number): ReadonlyArray<Batch> => {
  const kept = newest(all)
  const batches: Array<Batch> = []
  let first = range.first
  let seen = 0
  const put = (events: ReadonlyArray<Picked>, next: number) => {
    let before = seen
    while (before < all.length && all[before]!.offset < next) before++
    batches.push(batchOf({ ...range, first, next, leftOut: before - seen - events.length }, events))
    seen = before
    first = next
  }
  let from = 0
  let size = 0
  for (const [i, { entry, offset }] of kept.entries()) {
    if (size > 0 && size + entry.length > bytes) {
      put(kept.slice(from, i), offset)
      from = i
      size = 0
    }
    size += entry.length
  }
  put(kept.slice(from), range.next)
  return batches
}

/** BX7 */
const newest = (picked: ReadonlyArray<Picked>): ReadonlyArray<Picked> => {
  const seen = new Set<string>()
  const left: Array<Picked> = []
  for (let i = picked.length - 1; i >= 0; i--) {
    const key = keyOf(picked[i]!.entry)
    if (key !== "" && seen.has(key)) continue
    seen.add(key)
    left.push(picked[i]!)
  }
  return left.reverse()
}
