/** Buckets of a layer, which experiments share out among each other. Pure. XE2 */
import { BUCKETS, type Range } from "./Experiment.ts"

export const overlap = (some: ReadonlyArray<Range>, others: ReadonlyArray<Range>): boolean =>
  some.some(([a, width]) => others.some(([b, wide]) => a < b + wide && b < a + width))

/** Stretches that nobody has, in order. */
const freeOf = (taken: ReadonlyArray<Range>): ReadonlyArray<Range> => {
  const free: Array<Range> = []
  let at = 0
  for (const [from, width] of taken.toSorted(([a], [b]) => a - b)) {
    if (from > at) free.push([at, from - at])
    at = Math.max(at, from + width)
  }
  if (at < BUCKETS) free.push([at, BUCKETS - at])
  return free
}

export const widthOf = (ranges: ReadonlyArray<Range>): number => ranges.reduce((sum, [, width]) => sum + width, 0)

/** So many buckets of those that are free: of the first stretch that has room for all, or of several. Undefined: there are not so many. */
export const allocate = (taken: ReadonlyArray<Range>, wanted: number): ReadonlyArray<Range> | undefined => {
  const free = freeOf(taken)
  const whole = free.find(([, width]) => width >= wanted)
  if (whole !== undefined) return [[whole[0], wanted]]
  const found: Array<Range> = []
  let left = wanted
  for (const [from, width] of free) {
    if (left === 0) break
    const part = Math.min(left, width)
    found.push([from, part])
    left -= part
  }
  return left === 0 ? found : undefined
}

export const freeIn = (taken: ReadonlyArray<Range>): number => widthOf(freeOf(taken))
