/** What a node knows of a partition in Kafka, and how that is kept up: its end, and the marks of its history. */
import { Effect } from "effect"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { History, LogState } from "../../../src/topics/LogState.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"
import type { Brokers } from "./Brokers.ts"
import { markAt, marked, verified } from "./Histories.ts"
import type { Names } from "./Names.ts"
import { LATEST } from "./Protocol.ts"
import type { Sealer } from "./Sealing.ts"

/** Partitions that are looked at at once, as of one request; and those that are marked. */
const [LOOKED, MARKED_NOW] = [10_000, 1_000]
/** Milliseconds between two marks of a partition. */
const MARKED = 5_000
/** Those that are marked at once. */
const AT_ONCE = 8

export interface Known {
  readonly id: PartitionId
  /** Its name in Kafka, and its id there. */
  readonly topic: string
  readonly madeAs: string | undefined
  readonly sealer: Sealer
  history: History
  /** Behind its newest event, as far as this node knows. */
  end: number
  /** The end that the newest mark is of, and when it was made, in milliseconds of a clock that does not jump. */
  markedAt: number
  markedWhen: number
  /** Bytes of an event, about; 0: not known. */
  mean: number
  /** When it was last used, milliseconds of the same clock. */
  used: number
}

export interface KnownOptions {
  readonly brokers: Brokers
  readonly state: LogState["Service"]
  readonly names: Names
  readonly now: () => number
  readonly all: () => Iterable<Known>
  /** What is not answered is doubted. KH2 */
  readonly ask: <A>(ids: ReadonlyArray<PartitionId>, run: () => Promise<A>) => Effect.Effect<A, HeraldError>
  readonly doubt: (id: PartitionId) => void
}

/** `failed`: of one of those of which it is not known. */
export interface Grown {
  readonly grown: ReadonlyArray<PartitionId>
  readonly failed: HeraldError | undefined
}

/** Those that were used lately and have more than before. `used`: milliseconds. A topic of which Kafka does not say it keeps nobody else's from being known. */
export const lookAt = ({ brokers, now, all, ask }: KnownOptions, used: number): Effect.Effect<Grown> =>
  Effect.gen(function* () {
    const since = now() - used
    const by = new Map<string, Array<Known>>()
    let count = 0
    for (const known of all()) {
      if (known.used < since) continue
      if (++count > LOOKED) break
      const its = by.get(known.topic)
      if (its === undefined) by.set(known.topic, [known])
      else its.push(known)
    }
    const grown: Array<PartitionId> = []
    let failed: HeraldError | undefined
    const look = (topic: string, its: ReadonlyArray<Known>) => {
      const ids = its.map(({ id }) => id)
      const partitions = ids.map(({ partition }) => partition)
      return Effect.match(
        ask(ids, () => brokers.offsets({ topic, partitions, time: LATEST }, true)),
        {
          onFailure: (error) => {
            failed = error
          },
          onSuccess: (ends) => {
            for (const known of its) {
              const end = ends.get(known.id.partition) ?? known.end
              if (end > known.end) grown.push(known.id)
              known.end = Math.max(known.end, end)
            }
          }
        }
      )
    }
    yield* Effect.forEach(by, ([topic, its]) => look(topic, its), { concurrency: "unbounded", discard: true })
    return { grown, failed }
  })

/** Marks what grew since the last time, where the last mark still fits. One that can't be marked keeps no other from it. KH2, KM3 */
export const markThose = (of: KnownOptions): Effect.Effect<void, HeraldError> =>
  Effect.gen(function* () {
    const { brokers, state, names, now, all, ask, doubt } = of
    const due = now() - MARKED
    const grown = [...all()]
      .filter(({ end, markedAt, markedWhen }) => end > markedAt && markedWhen <= due)
      .slice(0, MARKED_NOW)
    const marks: Array<PartitionId & Pick<History, "epoch" | "marks">> = []
    const kept: Array<() => void> = []
    let failed: HeraldError | undefined
    const mark = Effect.fnUntraced(function* (known: Known) {
      const { id, topic, end, history } = known
      known.markedWhen = now() // whatever becomes of it, others are next
      if ((yield* names.ours(id.topic)) === undefined) return doubt(id) // it is gone
      const fits = yield* verified(brokers, state, topic, id, history, names.sure(id.topic))
      if (fits?.epoch !== history.epoch) return doubt(id)
      const one = yield* ask([id], () => markAt(brokers, topic, id.partition, end))
      const right = one === undefined ? history : { ...history, marks: marked(history.marks, one) }
      // What was not written is marked again.
      kept.push(() => Object.assign(known, { markedAt: end, history: right }))
      if (one !== undefined) marks.push({ ...id, epoch: history.epoch, marks: right.marks })
    })
    const told = (error: HeraldError) =>
      Effect.sync(() => {
        failed = error
      })
    yield* Effect.forEach(grown, (known) => Effect.catch(mark(known), told), { concurrency: AT_ONCE, discard: true })
    yield* state.mark(marks)
    for (const one of kept) one()
    if (failed !== undefined) return yield* failed
  })
