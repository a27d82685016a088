/**
 * What is appended to a partition at once, and what becomes of it. Pure.
 *
 *   TD1  What a producer sends again is not appended again: of a batch whose beginning is there already, only the rest is appended, and what is
 *        there is answered with the offsets that it got then.
 *   TD2  A batch that leaves sequences out is refused, and so is one of an epoch that a later one fenced, or of a producer that nobody knows:
 *        never taken silently.
 */
import type { Frame } from "./Message.ts"
import type { Compression } from "./Topic.ts"

/** Characters of a producer's id. */
export const PRODUCER_LENGTH = 128
/** Batches of a producer whose offsets a partition remembers. What follows another without a gap counts as one. */
export const REMEMBERED = 16

export interface Producing {
  readonly producer: string
  /** Given by `TopicStore.open`. */
  readonly epoch: number
  /** Of its first event: counts the producer's events of this partition from 1, over all of its epochs. */
  readonly sequence: number
}

export interface Batch {
  /** The topic's id. */
  readonly topic: number
  readonly partition: number
  /** At least one. */
  readonly events: Frame
  /** As the topic says. */
  readonly compression: Compression
  /** Undefined: may be there twice where it is sent twice. */
  readonly producing: Producing | undefined
}

/** Events that follow each other in a partition. */
export interface Placed {
  /** Of the first; undefined: they are there, and so old that it is not remembered where. */
  readonly offset: number | undefined
  readonly count: number
  /** They were there before. */
  readonly duplicate: boolean
}

export type Outcome =
  /** It is in the log: in this epoch of the partition, at these places, in order; `at`: they came by then. */
  | { readonly is: "placed"; readonly epoch: number; readonly placed: ReadonlyArray<Placed>; readonly at: number }
  /** A later epoch of this producer is open: this one is over. */
  | { readonly is: "fenced"; readonly epoch: number }
  /** Sequences between `expected` and the batch's are missing. */
  | { readonly is: "sequence-gap"; readonly expected: number }
  /** Nobody opened this producer, or it was not heard of for so long that it was forgotten. */
  | { readonly is: "unknown-producer" }
  /** There is no such topic or partition (any more). */
  | { readonly is: "gone" }
  /** Its time was over before it could be appended: it never will be. */
  | { readonly is: "late" }

/** Sequences of one producer that are there in a row. */
export interface Run {
  readonly first: number
  readonly count: number
  readonly offset: number
}

/** What a partition knows of a producer. */
export interface Known {
  readonly epoch: number
  /** The newest sequence; 0: none. */
  readonly sequence: number
  /** The newest ones, ascending, at most `REMEMBERED`. */
  readonly runs: ReadonlyArray<Run>
}

/** Refused; or what of it is there, and how many of its first events those are. */
export type Judged =
  | Exclude<Outcome, { readonly is: "placed" }>
  | { readonly is: "fresh"; readonly there: ReadonlyArray<Placed>; readonly skip: number }

/** TD1, TD2. `known`: undefined where nobody opened it. */
export const judge = (known: Known | undefined, { epoch, sequence }: Producing, count: number): Judged => {
  if (known === undefined || epoch > known.epoch) return { is: "unknown-producer" }
  if (epoch < known.epoch) return { is: "fenced", epoch: known.epoch }
  if (sequence > known.sequence + 1) return { is: "sequence-gap", expected: known.sequence + 1 }
  const skip = Math.min(count, known.sequence + 1 - sequence)
  return { is: "fresh", there: thereOf(known.runs, sequence, skip), skip }
}

const thereOf = (runs: ReadonlyArray<Run>, sequence: number, count: number): ReadonlyArray<Placed> => {
  const there: Array<Placed> = []
  const end = sequence + count
  let at = sequence
  for (const run of runs) {
    if (at >= end || run.first >= end) break
    if (run.first > at) there.push({ offset: undefined, count: run.first - at, duplicate: true })
    at = Math.max(at, run.first)
    const covered = Math.min(end, run.first + run.count) - at
    if (covered <= 0) continue
    there.push({ offset: run.offset + (at - run.first), count: covered, duplicate: true })
    at += covered
  }
  if (at < end) there.push({ offset: undefined, count: end - at, duplicate: true })
  return there
}

/** With what was appended just now. */
export const remembering = ({ epoch, runs }: Known, run: Run): Known => {
  const last = runs.at(-1)
  const follows = last !== undefined && last.first + last.count === run.first && last.offset + last.count === run.offset
  const newest = follows ? { ...last, count: last.count + run.count } : run
  return {
    epoch,
    sequence: run.first + run.count - 1,
    runs: [...(follows ? runs.slice(0, -1) : runs), newest].slice(-REMEMBERED)
  }
}
