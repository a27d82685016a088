/**
 * How much of a topic a subscription has not done. Pure.
 *
 *   UD1  An event counts as long as it is not done, and an event of another slice doesn't: what each slice has done or passed by is taken away from
 *        what there is. Behind what all have looked at everything counts, so it is never too few.
 */
import type { Bounds } from "../topics/Piece.ts"
import { rangesOf, type SavedCursor } from "./SavedCursor.ts"

/** How far one slice of a partition is. */
export interface SliceProgress extends Pick<SavedCursor, "logEpoch" | "floor" | "ranges"> {
  readonly partition: number
}

/** Of a partition. */
export interface PartitionBacklog {
  readonly partition: number
  /** Of its log. */
  readonly epoch: number
  /** Everything below it is done. */
  readonly floor: number
  /** The offset that is given next. */
  readonly end: number
  /** Ranges that are done above the floor. */
  readonly holes: number
  /** Events that are not done, at most. */
  readonly backlog: number
}

type Span = readonly [from: number, to: number]

/** What is in both, of spans that ascend and do not touch. */
const inBoth = (a: ReadonlyArray<Span>, b: ReadonlyArray<Span>): ReadonlyArray<Span> => {
  const found: Array<Span> = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    const [from, to] = [Math.max(a[i]![0], b[j]![0]), Math.min(a[i]![1], b[j]![1])]
    if (from < to) found.push([from, to])
    if (a[i]![1] < b[j]![1]) i++
    else j++
  }
  return found
}

/** Everything that one slice has done or passed by; `log`: of the partition. */
const doneOf = (progress: SliceProgress, { epoch, first, next }: Bounds): ReadonlyArray<Span> => {
  // What was done of a history that is lost says nothing of this one.
  if (progress.logEpoch !== epoch) return []
  const within = ([from, to]: Span): Span => [Math.max(from, first), Math.min(to, next)]
  return [[0, progress.floor] as Span, ...rangesOf(progress).spans].map(within).filter(([from, to]) => from < to)
}

/** Of each partition that the log has, in their order. UD1 */
export const backlogOf = (
  progress: ReadonlyArray<SliceProgress>,
  all: ReadonlyArray<Bounds>
): ReadonlyArray<PartitionBacklog> =>
  all
    .map((bounds) => {
      const { partition, epoch, first, next } = bounds
      const its = progress.filter((one) => one.partition === partition)
      const current = its.filter(({ logEpoch }) => logEpoch === epoch)
      const whole: ReadonlyArray<Span> = its.length === 0 ? [] : [[first, next]]
      const done = its.reduce((both, one) => inBoth(both, doneOf(one, bounds)), whole)
      return {
        ...{ partition, epoch, end: next },
        floor: current.length < its.length ? first : Math.min(next, ...current.map(({ floor }) => floor)),
        holes: current.reduce((sum, one) => sum + rangesOf(one).count, 0),
        backlog: next - first - done.reduce((sum, [from, to]) => sum + to - from, 0)
      }
    })
    .toSorted((a, b) => a.partition - b.partition)
