/** Where the cursors of a subscription begin. Pure. */
import { sharesOf } from "./Share.ts"
import type { Subscription } from "./Subscription.ts"

/** Of a partition. */
export interface Begin {
  readonly partition: number
  readonly logEpoch: number
  readonly offset: number
}

export interface CursorPlace extends Begin {
  readonly share: number
  /** Hashes from `from` to before `to`. */
  readonly from: number
  readonly to: number
}

/** Those of partitions that are in `begins`, which are counted from 0 without holes up to the last. */
export const placesOf = (
  { type, slices }: Pick<Subscription, "type" | "slices">,
  begins: ReadonlyArray<Begin>
): ReadonlyArray<CursorPlace> => {
  const partitions = begins.reduce((most, { partition }) => Math.max(most, partition + 1), 0)
  const byPartition = new Map(begins.map((begin) => [begin.partition, begin]))
  return sharesOf(type, partitions, slices).flatMap((cursors, share) =>
    cursors.flatMap(({ partition, from, to }) => {
      const begin = byPartition.get(partition)
      return begin === undefined ? [] : [{ ...begin, share, from, to }]
    })
  )
}
