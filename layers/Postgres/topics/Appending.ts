/**
 * Takes batches for the log, and has them appended by lanes.
 *
 *   LA4  A batch waits at most its deadline and `GRACE`. What is told to have failed never comes into the log: it is not sent after its deadline, and the
 *        database refuses it, by its own clock and under the partition's lock, when its turn comes later.
 *   LA5  What waits is bounded, in batches and in bytes: more is refused at once.
 *   LA6  Whoever left is not served: nothing of it is sent any more.
 */
import { randomUUID } from "node:crypto"
import { Clock, Deferred, Duration, Effect, Metric } from "effect"
import type { SqlClient } from "effect/sql"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { gauge } from "../../../src/telemetry/Metrics.ts"
import type { Batch, Outcome } from "../../../src/topics/Batch.ts"
import { walk } from "../../../src/topics/Frames.ts"
import { GRACE, makeLane, never, noAnswer, tooLate, unknown } from "./Lane.ts"
import type { Gathered } from "./Round.ts"
import { Waiting } from "./Waiting.ts"

/** Each is one call at a time: more of them cost the database more for each event. */
const LANES = 2
const MOST_WAITING = 65_536
const MOST_BYTES = 67_108_864

export interface AppendingOptions {
  readonly sql: SqlClient.SqlClient
  readonly deadline: Duration.Input
  readonly placed: (segment: Gathered) => void
}

const busy = failure("Busy", "too many events wait to be stored")

export const makeAppending = Effect.fnUntraced(function* ({ sql, deadline, placed }: AppendingOptions) {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const patience = Duration.toNanosUnsafe(deadline)
  const run = randomUUID()
  const lanes = yield* Effect.forEach(Array.from({ length: LANES }), (_, n) =>
    makeLane({ sql, name: `${run}/${n}`, placed })
  )
  /** Who waits, in the order in which they came, which is that in which they give up. */
  const waiters = new Set<Waiting>()
  let bytes = 0
  let watching = false

  /** LA4: one timer for all who wait, until none is left. */
  const watch = Effect.gen(function* () {
    for (const one of waiters) {
      const left = one.gives - clock.monotonicTimeNanosUnsafe()
      if (left > 0n) yield* Effect.sleep(Duration.nanos(left))
      if (!one.left)
        Deferred.doneUnsafe(one.done, Effect.fail(one.sent || one.lost ? unknown(noAnswer) : never(tooLate)))
      one.left = true
    }
    watching = false
  })

  return (batch: Batch): Effect.Effect<Outcome, HeraldError> =>
    Effect.suspend(() => {
      const problem = wrongBatch(batch)
      if (problem !== undefined) return Effect.fail(problem)
      if (waiters.size >= MOST_WAITING || bytes >= MOST_BYTES) return Effect.fail(busy) // LA5
      const now = clock.monotonicTimeNanosUnsafe()
      const done = Deferred.makeUnsafe<Outcome, HeraldError>()
      const one = new Waiting(batch, { done, until: now + patience, gives: now + patience + GRACE })
      waiters.add(one)
      bytes += one.size
      lanes[(batch.topic + batch.partition) % LANES]!.add(one)
      // Who is interrupted before it is forked leaves it to the next.
      const begun = Effect.suspend(() => {
        if (watching) return Effect.void
        watching = true
        return Effect.forkIn(watch, scope)
      }).pipe(Effect.uninterruptible)
      return Effect.ensuring(
        Effect.andThen(begun, Deferred.await(done)),
        Effect.suspend(() => {
          one.left = true // LA6
          waiters.delete(one)
          bytes -= one.size
          return waiters.size % 64 === 0 ? Metric.update(waitingGauge, waiters.size) : Effect.void
        })
      )
    })
})

/** TM4: a count that is not that of the bytes would give other events' offsets. */
const wrongBatch = ({ events: { bytes, count, hashes } }: Batch): HeraldError | undefined => {
  try {
    if (count > 0 && walk(bytes, () => undefined) === count && (hashes === undefined || hashes.length === count))
      return undefined
  } catch {}
  return failure("InvalidInput", "the batch is not the events that it is said to be")
}

const waitingGauge = gauge("herald_topic_batches_waiting", "Batches of events that wait to be stored")
