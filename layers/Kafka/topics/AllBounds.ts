/** How far several topics go in Kafka, each asked for itself. TL7 */
import { Duration, Effect } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Bounds } from "../../../src/topics/Piece.ts"
import type { Log } from "../../../src/topics/TopicLog.ts"

/** Nanoseconds for all of them: those who ask wait for two seconds. */
const PATIENCE = 1_500_000_000n
const AT_ONCE = 8
/** Topics of which it is remembered what became of them. */
const MOST = 10_000

const tooLate = failure("TopicLogUnavailable", "Kafka did not say in time how far the topic goes")

/** `now`: nanoseconds that only ever grow. */
export const boundsOf = (
  one: (topic: number) => Effect.Effect<ReadonlyArray<Bounds>, HeraldError>,
  now: () => bigint
): Log["bounds"] => {
  /** -1: there was no time for it, so it is asked first; 1: it failed, so it is asked last, and holds up no other. */
  const turns = new Map<number, -1 | 1>()
  const turnOf = (topic: number) => turns.get(topic) ?? 0
  const note = (topic: number, turn: -1 | 1) => {
    if (turns.size >= MOST) turns.clear()
    turns.set(topic, turn)
  }
  return (topics, unknown) => {
    const its = [...new Set(topics)]
    if (unknown === undefined)
      return Effect.map(
        Effect.forEach(
          its.toSorted((a, b) => a - b),
          one,
          { concurrency: AT_ONCE }
        ),
        (all) => all.flat()
      )
    return Effect.suspend(() => {
      const until = now() + PATIENCE
      const known = (topic: number): Effect.Effect<ReadonlyArray<Bounds>> =>
        Effect.suspend(() => {
          const left = until - now()
          if (left <= 0n) {
            if (turnOf(topic) === 0) note(topic, -1)
            return Effect.fail(tooLate)
          }
          return Effect.timeoutOrElse(one(topic), {
            duration: Duration.nanos(left),
            orElse: () => Effect.fail(tooLate)
          }).pipe(
            Effect.tap(() => Effect.sync(() => turns.delete(topic))),
            Effect.tapError(() => Effect.sync(() => note(topic, 1)))
          )
        }).pipe(
          Effect.catch((why) =>
            Effect.sync((): ReadonlyArray<Bounds> => {
              unknown(topic, why)
              return []
            })
          )
        )
      const inTurn = its.toSorted((a, b) => turnOf(a) - turnOf(b) || a - b)
      return Effect.map(Effect.forEach(inTurn, known, { concurrency: AT_ONCE }), (all) =>
        all.flat().sort((a, b) => a.topic - b.topic || a.partition - b.partition)
      )
    })
  }
}
