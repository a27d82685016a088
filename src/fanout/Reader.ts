/**
 * A reader: where it is, and where that is remembered. State without work.
 *
 *   BX8  A reader that takes what it is sent has no memory here but its place in a list; one that does not has a position for each partition that
 *        it reads, and nothing that was meant for it.
 */
import type { HeraldError } from "../errors/HeraldError.ts"
import { NO_FIGURES } from "../filters/Figures.ts"
import type { Filtered, Told } from "./Batch.ts"
import type { Group } from "./Group.ts"

/** What happens to one that is slower than the topic. */
export type Overflow = "block" | "conflate" | "drop oldest" | "disconnect"

export interface Sink {
  /** False: it can't take more now, and `drained` says when it can. */
  readonly write: (told: Told) => boolean
  /** Calls back once, never within this call. */
  readonly drained: (then: () => void) => void
  /** It is sent away. */
  readonly end: (error: HeraldError) => void
}

export type Stage =
  /** It is sent what comes when it comes. */
  | "live"
  /** It can't take more now. */
  | "full"
  /** It can, and is not live: its turn comes. */
  | "ready"
  /** The log is being read for it. */
  | "reading"
  /** It has all that is known here, and knows itself of more. */
  | "ahead"
  | "over"

export class Reader {
  readonly group: Group
  readonly sink: Sink
  readonly overflow: Overflow
  /** It takes what is compressed. */
  readonly unpacks: boolean
  stage: Stage = "ready"
  /** For each partition of its group, what it is sent next; good while it is not live. */
  at: Array<number> | undefined
  /** The epochs of that. */
  epochs: Array<number> | undefined
  /** What was stored when it came ends there. Undefined: it was told that it is live. */
  until: Array<number> | undefined
  /** Partitions, by index, of which it was told less than was looked at for it: none of what came last was taken. */
  untold: Set<number> | undefined
  /** What became of events by its filter while it was not live, or before the time below, that it was not told. BX41 */
  counted = NO_FIGURES
  /** While it is live: what its group's filter had counted when it became so, or was told. BX41 */
  since = NO_FIGURES
  /** It knows where its partitions begin. */
  isStarted = false
  /** It was live, and was not fast enough. */
  isSlow = false
  /** The place, of the partition with this index, where the log was read up to: a segment begins there. */
  aligned: readonly [index: number, offset: number] | undefined

  constructor(group: Group, sink: Sink, overflow: Overflow, unpacks: boolean) {
    this.group = group
    this.sink = sink
    this.overflow = overflow
    this.unpacks = unpacks
  }
}

/** What it is to be told of its filter; then it was. BX41 */
export const filteredOf = (reader: Reader): Filtered => {
  const { counted: figures } = reader
  reader.counted = NO_FIGURES
  return { kind: "filtered", figures }
}
