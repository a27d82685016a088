/**
 * Appends what waits for some of the partitions, round after round.
 *
 *   LA1  One round of a lane is under way at a time, so batches of a partition stay in their order; who comes meanwhile goes with the next.
 *   LA2  A round whose answer was lost is asked again under its number, and is in the log once. Nothing is sent after its deadline, but to ask what
 *        became of it.
 *   LA3  What can't be appended fails alone.
 */
import { Clock, Deferred, Duration, Effect, Latch, Metric } from "effect"
import type { SqlClient } from "effect/sql"
import { failure, type HeraldError, reworded } from "../../../src/errors/HeraldError.ts"
import { always } from "../../../src/telemetry/Every.ts"
import { histogram } from "../../../src/telemetry/Metrics.ts"
import type { Outcome } from "../../../src/topics/Batch.ts"
import { Gone, isLockTimeout } from "../connection/Failure.ts"
import { type Ask, makeAsk, packaged } from "./Asking.ts"
import { type Gathered, Queues } from "./Round.ts"
import { settle } from "./Settling.ts"
import type { Waiting } from "./Waiting.ts"

/** Nanoseconds that an answer which was lost is asked for after the deadline. */
export const GRACE = 1_000_000_000n
const RETRY = Duration.millis(100)

export interface LaneOptions {
  readonly sql: SqlClient.SqlClient
  /** A name that no other lane has, of any node or run. */
  readonly name: string
  /** Called with what is in the log now. */
  readonly placed: (segment: Gathered) => void
}

/** What it is given waits until its round. */
export const makeLane = Effect.fnUntraced(function* ({ sql, name, placed }: LaneOptions) {
  const clock = yield* Clock.Clock
  const ask: Ask = makeAsk(sql, clock, name)
  const queues = new Queues()
  const some = Latch.makeUnsafe(false)
  let rounds = 0

  const end = (one: Waiting, outcome: Effect.Effect<Outcome, HeraldError>) => {
    one.left = true
    Deferred.doneUnsafe(one.done, outcome)
  }
  const giveUp = (segments: ReadonlyArray<Gathered>, error: HeraldError) => {
    for (const { batches } of segments)
      for (const one of batches) end(one, Effect.fail(one.lost ? unknown(error) : never(error)))
  }
  const putBack = (batches: ReadonlyArray<Waiting>) => {
    queues.putBack(batches)
    if (!queues.empty) some.openUnsafe()
  }

  /** Until it is answered, or all of its batches have given up. LA2 */
  const send = (segments: ReadonlyArray<Gathered>): Effect.Effect<void> =>
    Effect.gen(function* () {
      const round = yield* makePackage(++rounds, segments)
      let error: HeraldError = tooLate
      for (;;) {
        const now = clock.monotonicTimeNanosUnsafe()
        const goes = segments.some(({ batches }) =>
          batches.some((one) => now < (one.lost ? one.until + GRACE : one.until))
        )
        if (!goes) return giveUp(segments, error)
        let reached = false
        const asked = yield* Effect.result(
          ask(round, now, () => {
            reached = true
            for (const { batches } of segments) for (const one of batches) one.sent = true
          })
        )
        if (asked._tag === "Success") {
          if (asked.success === "clock") continue // nothing was done, and now that clock is known
          if (asked.success.length === 0) return giveUp(segments, overtaken)
          for (const [at, answer] of asked.success.entries()) {
            const segment = segments[at]!
            const { ended, again } = settle(segment, answer, clock.monotonicTimeNanosUnsafe())
            for (const [one, outcome] of ended) end(one, Effect.succeed(outcome))
            for (const one of again) one.sent = one.lost = false
            if (again.length > 0) putBack(again)
            if (answer[0] === "placed") placed(segment)
          }
          yield* Metric.update(
            roundEvents,
            sum(segments, ({ events }) => events.count)
          )
          return
        }
        error = asked.failure
        if (error instanceof Gone) {
          if (reached) for (const { batches } of segments) for (const one of batches) one.lost = true
          yield* Effect.sleep(RETRY)
        } else if (isLockTimeout(error)) yield* Effect.logDebug("a round waits for a partition that somebody holds")
        else return yield* apart(segments, error)
      }
    })

  /** LA3 */
  const apart = (segments: ReadonlyArray<Gathered>, error: HeraldError): Effect.Effect<void> => {
    if (segments.length > 1) return Effect.forEach(segments, (one) => send([one]), { discard: true })
    const [only] = segments
    if (only === undefined || only.batches.length < 2) return Effect.sync(() => giveUp(segments, error))
    return Effect.forEach(only.batches, (one) => send([alone(only, one)]), { discard: true })
  }

  const work = Effect.gen(function* () {
    yield* some.await
    const segments = queues.round()
    if (queues.empty) some.closeUnsafe()
    if (segments.length > 0) yield* send(segments)
  })
  yield* Effect.forkScoped(always("a lane of the topics' log met a defect", work))

  return {
    add: (one: Waiting): void => {
      queues.add(one)
      some.openUnsafe()
    }
  }
})

const makePackage = (number: number, segments: ReadonlyArray<Gathered>) => {
  const made = packaged(number, segments)
  return made instanceof Promise ? Effect.promise(() => made) : Effect.succeed(made)
}

const alone = (segment: Gathered, one: Waiting): Gathered => ({
  ...segment,
  batches: [one],
  producers:
    one.producing === undefined
      ? []
      : [[one.producing.producer, one.producing.epoch, one.producing.sequence, one.events.count, 0]]
})

const sum = (segments: ReadonlyArray<Gathered>, of: (one: Waiting) => number): number =>
  segments.reduce((all, { batches }) => batches.reduce((some, one) => some + of(one), all), 0)

export const tooLate = failure("Timeout", "too many events wait for the database")
export const noAnswer = failure("DatabaseUnavailable", "the database did not answer")
const overtaken = failure("DatabaseUnavailable", "the database answered to a later round")

export const never = (error: HeraldError): HeraldError =>
  reworded(error, `${error.message}. Nothing was published, and nothing of it ever will be`)

export const unknown = (error: HeraldError): HeraldError =>
  failure(
    "OutcomeUnknown",
    `the answer to the events was lost (${error.message}): they are in the topic by now, or never will be. With a producer they can be sent again; nothing is there twice`,
    { cause: error }
  )

const roundEvents = histogram(
  "herald_topic_round_events",
  "Events that were appended by one call",
  [1, 10, 100, 500, 1_000, 2_000, 5_000, 20_000]
)
