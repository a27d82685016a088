/** What positions are at, and logs no longer have. Pure. */
import type { Bounds } from "../topics/Piece.ts"
import type { Cursor } from "./Cursor.ts"

/** Of each partition whose slices are all of the history that there is: from the lowest position to where its log begins. */
export const missingOf = (
  cursors: Iterable<Pick<Cursor<unknown>, "slice" | "logEpoch" | "floor">>,
  bounds: ReadonlyArray<Bounds>
): ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number }> => {
  const floors = new Map<number, number>()
  const others = new Set<number>()
  const epochs = new Map(bounds.map(({ partition, epoch }) => [partition, epoch]))
  for (const { slice, logEpoch, floor } of cursors) {
    const { partition } = slice
    floors.set(partition, Math.min(floor, floors.get(partition) ?? floor))
    if (epochs.get(partition) !== logEpoch) others.add(partition)
  }
  return bounds.flatMap(({ partition, first: to }) => {
    const from = floors.get(partition)
    return from === undefined || from >= to || others.has(partition) ? [] : [{ partition, from, to }]
  })
}
