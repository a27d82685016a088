/**
 * Commits releases: publishers queue here, and one call of `herald_commit` commits all that wait.
 *
 *   X1  A release that was sent to the database once is never written twice: every one carries an idempotency key, its own or one
 *       made here, so that a commit whose answer was lost can be asked for again.
 *   X2  A publisher waits at most `deadline` and `GRACE`. What it is told to have failed is never committed afterwards: a release is not
 *       sent after its deadline, and the database refuses it, by its own clock and under the lock, when its turn comes later.
 *   X3  One release that the database can't take fails alone, and so does one whose answer can't be read.
 *   X4  Who is told that nothing was written can rely on it. Where the answer to a commit was lost, the database is asked until `GRACE`
 *       ends; then the publisher is told that the outcome is unknown: committed by now, or never.
 *   X5  A publisher that left is not served: nothing of it is sent any more.
 *   X11 One call is under way at a time, and who comes meanwhile goes with the next; but a call that is not answered within 20 ms holds up
 *       nobody: another is sent beside it.
 *   X9  One call holds a bounded number of releases, and of their characters one release more than a bound.
 */
import { randomUUID } from "node:crypto"
import { Clock, Deferred, Duration, Effect, Latch, Option, Queue, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import type { Committed, Release } from "../../../src/commits/Release.ts"
import { failure, type HeraldError, reworded } from "../../../src/errors/HeraldError.ts"
import { Quotas } from "../../../src/limits/Quotas.ts"
import { Kinds } from "../../../src/propagation/Kinds.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { afterEvery, always } from "../../../src/telemetry/Every.ts"
import { Gone, guarded, isLockTimeout, isReadOnly, takesNoWrites } from "../connection/Failure.ts"
import type { Seen } from "../connection/Witness.ts"
import { makeCalling } from "./Calling.ts"
import { endOf, GRACE, Waiting } from "./Waiting.ts"
import { type CommitAnswer, resultOf } from "./WriterMessages.ts"

export interface WriterOptions {
  readonly deadline: Duration.Input
  /** Called after a call with its newest commit; undefined when it made none. Nothing waits for it. */
  readonly committed: (newest: Seen | undefined) => void
}

/** Publishers in the queue; further ones wait for a place in it, within their deadline. */
const QUEUE = 1_024
/**
 * A second call is sent beside one that has no answer yet after this time, or twice of it. Before that who comes is gathered, as a call costs as much
 * as some five releases. The lock in the database keeps the order of both.
 */
const OVERLAP = "10 millis"
const BATCH = 128
const BATCH_CHARACTERS = 8_388_608
const RETRY = Duration.millis(100)
/** Time between two looks at a database that is read-only. */
const LOOK = "2 seconds"

export const makeWriter = Effect.fnUntraced(function* (options: WriterOptions) {
  const sql = yield* SqlClient.SqlClient
  const kinds = yield* Kinds
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const queue = yield* Queue.bounded<Waiting>(QUEUE)
  const deadline = Duration.toNanosUnsafe(options.deadline)
  const call = makeCalling(sql, clock, { longest: deadline, quotas: yield* Quotas })

  const writes = yield* notice("postgresql-writes", {
    source: "commits",
    began: "the database answers and takes no writes: publishes are refused",
    ended: "the database takes writes again"
  })

  let readOnly = false

  let newest: Seen | undefined

  /** X3 */
  const read = (release: Release, answer: CommitAnswer): Effect.Effect<Committed, HeraldError> => {
    try {
      return resultOf(kinds, release, answer)
    } catch (cause) {
      return Effect.fail(unknown(failure("Internal", "it can't be read", { cause })))
    }
  }

  const settle = (batch: ReadonlyArray<Waiting>, answers: ReadonlyArray<CommitAnswer>) => {
    let seen: Seen | undefined
    for (const [index, { release, done }] of batch.entries()) {
      const answer = answers[index]!
      if (answer.ok && !answer.replayed) {
        seen = { epoch: answer.epoch, revision: BigInt(answer.revision), committedAt: answer.committedAt }
        newest = seen
      }
      Deferred.doneUnsafe(done, read(release, answer))
    }
    options.committed(seen)
  }

  /** Logs whose transaction keeps publishers waiting, for the operator. */
  const tellHolder = guarded("look for the holder of the writers' lock")(sql<Record<string, unknown>>`
    select a.pid, a.application_name as application, a.client_addr::text as address, a.state, a.xact_start::text as since
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.objid = 7234733 and l.granted`).pipe(
    Effect.flatMap((rows) =>
      rows[0] === undefined
        ? Effect.void
        : Effect.logWarning("publishers wait for another session's transaction", rows[0])
    ),
    Effect.ignore
  )

  /** X4 */
  const giveUp = ({ done, lost }: Waiting, error: HeraldError) =>
    Deferred.doneUnsafe(done, Effect.fail(lost ? unknown(error) : never(error)))

  /** Sends releases that may still be sent; the others fail with `error`. X2 */
  const write = (batch: ReadonlyArray<Waiting>, error: HeraldError, whole = false): Effect.Effect<void> =>
    Effect.suspend(() => {
      const now = clock.monotonicTimeNanosUnsafe()
      const ready: Array<Waiting> = []
      for (const one of batch) {
        one.sent = false
        if (one.left) continue // X5
        if (now < endOf(one)) ready.push(one)
        else giveUp(one, error)
      }
      if (ready.length === 0) return Effect.void
      let reached = false
      return call(ready, now, whole, () => {
        reached = true
        for (const one of ready) one.sent = true
      }).pipe(
        Effect.matchEffect({
          onSuccess: (answers) =>
            // Nothing was done. The deadlines were by another server's clock, and now this one's is known; or X10.
            answers === "clock" || answers === "whole"
              ? write(ready, error, answers === "whole")
              : Effect.andThen(
                  Effect.sync(() => settle(ready, answers)),
                  writes.works
                ),
          onFailure: (failed) => {
            if (failed instanceof Gone) {
              if (reached) for (const one of ready) one.lost = true // X1
              return Effect.andThen(Effect.sleep(RETRY), write(ready, failed))
            }
            if (isLockTimeout(failed)) return Effect.andThen(Effect.forkIn(tellHolder, scope), write(ready, failed))
            if (ready.length > 1) return Effect.forEach(ready, (one) => write([one], failed), { discard: true }) // X3
            readOnly = isReadOnly(failed)
            const told = takesNoWrites(failed) ? writes.fails(failed.message) : Effect.void
            return Effect.andThen(
              told,
              Effect.sync(() => giveUp(ready[0]!, failed))
            )
          }
        })
      )
    })

  const gathered = Effect.gen(function* () {
    const batch = [yield* Queue.take(queue)]
    let characters = batch[0]!.characters
    while (batch.length < BATCH && characters < BATCH_CHARACTERS && Queue.sizeUnsafe(queue) > 0) {
      const one = yield* Queue.take(queue)
      batch.push(one)
      characters += one.characters
    }
    return batch
  })

  /** Open while a call is under way; `turn` is another with each that begins or ends. */
  const busy = Latch.makeUnsafe(false)
  let turn = 0
  const next = Effect.flatMap(gathered, (batch) => {
    turn++
    busy.openUnsafe()
    return Effect.ensuring(
      write(batch, tooLate),
      Effect.sync(() => {
        turn++
        busy.closeUnsafe()
      })
    )
  })
  /** X11 */
  const beside = Effect.gen(function* () {
    yield* busy.await
    const last = turn
    yield* Effect.sleep(OVERLAP)
    if (turn === last && Queue.sizeUnsafe(queue) > 0) yield* write(yield* gathered, tooLate)
  })

  /** So that it shows without a publish that the database takes writes again. Whether a disk is still full only a publish can tell. */
  const asked = guarded("ask whether the database takes writes")(
    sql`update herald_epoch set epoch = epoch where false`
  ).pipe(Effect.andThen(writes.works))
  const look = Effect.suspend(() => (readOnly && writes.failing() ? asked : Effect.void))
  yield* Effect.forkScoped(afterEvery("the database takes no writes yet", LOOK, look))

  for (const writing of [next, beside]) yield* Effect.forkScoped(always("the writer met a defect", writing))

  /** Who waits, in the order in which they came, which is that in which they give up. */
  const publishers = new Set<Waiting>()
  let watching = false

  /** X2: one timer for all who wait, until none is left. */
  const watch = Effect.gen(function* () {
    for (const one of publishers) {
      const left = one.gives - clock.monotonicTimeNanosUnsafe()
      if (left > 0n) yield* Effect.sleep(Duration.nanos(left))
      if (!one.left) Deferred.doneUnsafe(one.done, Effect.fail(silence(one)))
      publishers.delete(one)
    }
    watching = false
  })

  return Effect.fnUntraced(function* (release: Release) {
    const now = clock.monotonicTimeNanosUnsafe()
    const waiting = new Waiting(release, randomUUID(), {
      known: newest,
      span: Option.getOrUndefined(yield* Effect.serviceOption(Tracer.ParentSpan)),
      done: yield* Deferred.make<Committed, HeraldError>(),
      until: earlier(now + deadline, release.until), // W6
      gives: now + deadline + GRACE
    })
    publishers.add(waiting)
    if (!watching) {
      watching = true
      yield* Effect.forkIn(watch, scope)
    }
    const ended = Deferred.await(waiting.done)
    const place = Queue.offerUnsafe(queue, waiting)
      ? ended
      : Effect.raceFirst(Effect.andThen(Queue.offer(queue, waiting), ended), ended)
    return yield* Effect.ensuring(
      place,
      Effect.sync(() => {
        waiting.left = true
        publishers.delete(waiting)
      })
    )
  })
})

const earlier = (one: bigint, other: bigint | undefined): bigint => (other !== undefined && other < one ? other : one)

const tooLate = failure("Timeout", "too many publishers wait for the database")
const noAnswer = failure("DatabaseUnavailable", "the database did not answer")

/** What a publisher is told who heard nothing until the end of its time. */
const silence = ({ sent, lost }: Waiting): HeraldError => (sent || lost ? unknown(noAnswer) : never(tooLate))

const never = (error: HeraldError): HeraldError =>
  reworded(error, `${error.message}. Nothing was written, and nothing of it ever will be`)

const unknown = (error: HeraldError): HeraldError =>
  failure(
    "OutcomeUnknown",
    `the answer to the commit was lost (${error.message}): it is committed by now, or never will be. With the same Idempotency-Key it can be asked again; nothing is written twice`,
    { cause: error }
  )
