/**
 * What of partitions is done for good. Pure state.
 *
 *   QV1  Below the floor that is told of a partition everything is done in all of its slices, and kept as that: after a crash it comes no more. Where
 *        not all slices are here, nothing is told.
 */
import type { Slice } from "./Share.ts"

interface Of {
  readonly slice: Slice
  readonly logEpoch: number
}

export class Floors {
  readonly #kept = new Map<Of, number>()

  /** Everything of it below that is kept as done. */
  set(cursor: Of, floor: number): void {
    this.#kept.set(cursor, floor)
  }

  delete(cursor: Of): void {
    this.#kept.delete(cursor)
  }

  /** As they are now. `slices`: of each partition. 0: not known here. QV1 */
  look(slices: number): (partition: number, logEpoch: number) => number {
    const found = new Map<number, number>()
    return (partition, logEpoch) => {
      let floor = found.get(partition)
      if (floor === undefined) found.set(partition, (floor = this.#of(partition, logEpoch, slices)))
      return floor
    }
  }

  #of(partition: number, logEpoch: number, slices: number): number {
    let [here, lowest] = [0, Number.POSITIVE_INFINITY]
    for (const [{ slice, logEpoch: its }, floor] of this.#kept) {
      if (slice.partition !== partition || its !== logEpoch) continue
      here++
      lowest = Math.min(lowest, floor)
    }
    return here === slices ? lowest : 0
  }
}
