/** How far several topics go in Kafka, each by itself. TL7 */
import { Duration, Effect } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Bounds } from "../../../src/topics/Piece.ts"
import type { Log } from "../../../src/topics/TopicLog.ts"

/** Nanoseconds for all of them, and for what Kafka is asked of all at once: those who ask wait for two seconds. */
const [PATIENCE, ENDS] = [1_600_000_000n, 1_200_000_000n]
/** Topics at once that are used for the first time, or not known any more. */
const AT_ONCE = 8
/** Topics of which it is remembered that they failed. */
const MOST = 10_000

const tooLate = failure("TopicLogUnavailable", "Kafka did not say in time how far the topic goes")

/** As `Partitions`. */
export interface Asking<Ends> {
  readonly prepare: (topics: ReadonlyArray<number>) => Effect.Effect<void, HeraldError>
  readonly ends: (topic: number) => Effect.Effect<Ends | undefined, HeraldError>
  readonly known: (ends: Ends) => ReadonlyArray<Bounds> | undefined
  readonly bounded: (ends: Ends) => Effect.Effect<ReadonlyArray<Bounds>, HeraldError>
}

/** `now`: nanoseconds that only ever grow. */
export const boundsOf = <Ends>(its: Asking<Ends>, now: () => bigint): Log["bounds"] => {
  /** Of those that failed or hung, in which order they were asked: who was asked longest ago is asked first, behind all others. */
  const failed = new Map<number, number>()
  let count = 0
  /** Those that were not answered in time: they are asked first. */
  const late = new Set<number>()
  const isLate = (topic: number): number => (late.has(topic) ? 0 : 1)
  const within = <A>(until: bigint | undefined, effect: Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> =>
    Effect.suspend(() => {
      if (until === undefined) return effect
      const left = until - now()
      return left <= 0n
        ? Effect.fail(tooLate)
        : Effect.timeoutOrElse(effect, { duration: Duration.nanos(left), orElse: () => Effect.fail(tooLate) })
    })
  const turnOf = (topic: number): number => failed.get(topic) ?? 0

  return (topics, unknown) =>
    Effect.gen(function* () {
      const wanted = [...new Set(topics)].toSorted((a, b) => isLate(a) - isLate(b) || a - b)
      const [until, first] = unknown === undefined ? [] : [now() + PATIENCE, now() + ENDS]
      yield* within(until, its.prepare(wanted))
      const all: Array<ReadonlyArray<Bounds>> = []
      const rest: Array<readonly [topic: number, ends: Ends]> = []
      const told = (topic: number, why: HeraldError): Effect.Effect<void, HeraldError> =>
        unknown === undefined ? Effect.fail(why) : Effect.sync(() => unknown(topic, why))
      const asked = (topic: number) =>
        Effect.matchEffect(within(first, its.ends(topic)), {
          onFailure: (why) => {
            if (late.size >= MOST) late.clear()
            if (why === tooLate) late.add(topic)
            return told(topic, why)
          },
          onSuccess: (ends) =>
            Effect.sync(() => {
              late.delete(topic)
              const bounds = ends === undefined ? [] : its.known(ends)
              if (bounds === undefined) rest.push([topic, ends!])
              else all.push(bounds)
            })
        })
      /** What hangs or fails is asked last: it holds up no other for longer than once. */
      const looked = ([topic, ends]: readonly [number, Ends]) =>
        Effect.suspend(() => {
          if (until !== undefined && now() >= until) return told(topic, tooLate)
          const turn = ++count
          return Effect.matchEffect(within(until, its.bounded(ends)), {
            onFailure: (why) => {
              if (failed.size >= MOST) failed.clear()
              failed.set(topic, turn)
              return told(topic, why)
            },
            onSuccess: (bounds) =>
              Effect.sync(() => {
                failed.delete(topic)
                all.push(bounds)
              })
          })
        })
      yield* Effect.forEach(wanted, asked, { concurrency: "unbounded", discard: true })
      const inTurn = rest.toSorted(([a], [b]) => turnOf(a) - turnOf(b) || a - b)
      yield* Effect.forEach(inTurn, looked, { concurrency: AT_ONCE, discard: true })
      return all.flat().sort((a, b) => a.topic - b.topic || a.partition - b.partition)
    })
}
