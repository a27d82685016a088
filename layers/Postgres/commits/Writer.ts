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
 *   X9  One call holds a bounded number of releases, and of their characters one release more than a bound.
 */
import { randomUUID } from "node:crypto"
import { Clock, Deferred, Duration, Effect, Option, Queue, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import type { Committed, Release } from "../../../src/commits/Release.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { Kinds } from "../../../src/propagation/Kinds.ts"
import type { Position } from "../../../src/propagation/Position.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { afterEvery, always } from "../../../src/telemetry/Every.ts"
import { within } from "../../../src/telemetry/Traces.ts"
import { makeDatabaseClock, type Told } from "../connection/DatabaseClock.ts"
import { Gone, guarded, isLockTimeout, isReadOnly, takesNoWrites } from "../connection/Failure.ts"
import type { Seen } from "../connection/Witness.ts"
import { type CommitAnswer, encode, resultOf, sinceOf } from "./WriterMessages.ts"

export interface WriterOptions {
  readonly deadline: Duration.Input
  /** Called after a call with its newest commit; undefined when it made none. Nothing waits for it. */
  readonly committed: (newest: Seen | undefined) => void
}

interface Waiting {
  readonly release: Release
  /** The newest commit that was known when the release came. */
  readonly known: Position | undefined
  readonly json: string
  readonly span: Tracer.AnySpan | undefined
  readonly done: Deferred.Deferred<Committed, HeraldError>
  /** Nanoseconds of the monotonic clock. */
  readonly until: bigint
  /** When its publisher waits no longer, for whatever answer. */
  readonly gives: bigint
  /** It was given to a connection. */
  sent: boolean
  /** Its answer was lost, so it may be committed. X1 */
  lost: boolean
  /** Nobody waits for it any more. */
  left: boolean
}

/** Publishers in the queue; further ones wait for a place in it, within their deadline. */
const QUEUE = 1_024
/** Calls at the same time: while the database works on one, the next is gathered and sent. The lock in herald_commit keeps their order. */
const CALLS = 2
const BATCH = 128
const BATCH_CHARACTERS = 8_388_608
const RETRY = Duration.millis(100)
/** Nanoseconds that an answer which is under way, or was lost, is waited for after the deadline. */
const GRACE = 1_000_000_000n
/**
 * Milliseconds that one call waits for the lock. Not less, or releases that come one after the other would each end a wait of their own. Not
 * more, so that the database ends the wait, and says so, before this process takes it for gone.
 */
const [LEAST_WAIT, LONGEST_WAIT] = [250, 4_000]

/** Time between two looks at a database that is read-only. */
const LOOK = "2 seconds"

export const makeWriter = Effect.fnUntraced(function* (options: WriterOptions) {
  const sql = yield* SqlClient.SqlClient
  const kinds = yield* Kinds
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const queue = yield* Queue.bounded<Waiting>(QUEUE)
  const deadline = Duration.toNanosUnsafe(options.deadline)
  const databaseClock = makeDatabaseClock()

  const writes = yield* notice("postgresql-writes", {
    source: "commits",
    began: "the database answers and takes no writes: publishes are refused",
    ended: "the database takes writes again"
  })

  let readOnly = false

  let newest: Seen | undefined

  /** Calls `reached` when the statement is given to a connection. */
  const call = (batch: ReadonlyArray<Waiting>, now: bigint, reached: () => void) => {
    const left = batch.reduce((least, one) => Math.min(least, Number(endOf(one) - now)), Number(deadline))
    const releases = `[${batch.map(({ json, until }) => `{"notAfter":${databaseClock.at(until)},${json}`).join(",")}]`
    const terms = JSON.stringify({
      clock: databaseClock.server(now),
      wait: Math.min(LONGEST_WAIT, Math.max(LEAST_WAIT, Math.ceil(left / 1_000_000))),
      since: sinceOf(batch)
    })
    const statement = sql<{ answers: ReadonlyArray<CommitAnswer> | null; clock: Told }>`
      select herald_commit(${releases}::text::jsonb, null, ${terms}::text::jsonb) as answers, herald_clock() as clock`
    let asked = now
    return Effect.scoped(
      Effect.flatMap(sql.reserve, (connection) => {
        asked = clock.monotonicTimeNanosUnsafe()
        reached()
        return Effect.provideService(statement, sql.transactionService, [connection, 0])
      })
    ).pipe(
      Effect.map((rows) => {
        databaseClock.heard(rows[0]!.clock, asked, clock.monotonicTimeNanosUnsafe())
        return rows[0]!.answers
      }),
      guarded("commit"),
      within(batch.flatMap(({ span }) => span ?? []))
    )
  }

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
  const write = (batch: ReadonlyArray<Waiting>, error: HeraldError): Effect.Effect<void> =>
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
      return call(ready, now, () => {
        reached = true
        for (const one of ready) one.sent = true
      }).pipe(
        Effect.matchEffect({
          onSuccess: (answers) =>
            // The deadlines were by another server's clock; now this one's is known.
            answers === null
              ? write(ready, error)
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

  const next = Effect.gen(function* () {
    const batch = [yield* Queue.take(queue)]
    let characters = batch[0]!.json.length
    while (batch.length < BATCH && characters < BATCH_CHARACTERS && Queue.sizeUnsafe(queue) > 0) {
      const one = yield* Queue.take(queue)
      batch.push(one)
      characters += one.json.length
    }
    yield* write(batch, tooLate)
  })

  /** So that it shows without a publish that the database takes writes again. Whether a disk is still full only a publish can tell. */
  const asked = guarded("ask whether the database takes writes")(
    sql`update herald_epoch set epoch = epoch where false`
  ).pipe(Effect.andThen(writes.works))
  const look = Effect.suspend(() => (readOnly && writes.failing() ? asked : Effect.void))
  yield* Effect.forkScoped(afterEvery("the database takes no writes yet", LOOK, look))

  const writing = always("the writer met a defect", next)
  for (let i = 0; i < CALLS; i++) yield* Effect.forkScoped(writing)

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
    const waiting: Waiting = {
      release,
      known: newest,
      json: encode(release, randomUUID()),
      span: Option.getOrUndefined(yield* Effect.serviceOption(Tracer.ParentSpan)),
      done: yield* Deferred.make<Committed, HeraldError>(),
      until: earlier(now + deadline, release.until), // W6
      gives: now + deadline + GRACE,
      sent: false,
      lost: false,
      left: false
    }
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

/** Until when it may be sent: its deadline, or a little longer to ask what became of it. */
const endOf = ({ until, lost }: Waiting): bigint => (lost ? until + GRACE : until)

const tooLate = failure("Timeout", "too many publishers wait for the database")
const noAnswer = failure("DatabaseUnavailable", "the database did not answer")

/** What a publisher is told who heard nothing until the end of its time. */
const silence = ({ sent, lost }: Waiting): HeraldError => (sent || lost ? unknown(noAnswer) : never(tooLate))

const never = (error: HeraldError): HeraldError =>
  failure(error.name, `${error.message}. Nothing was written, and nothing of it ever will be`, {
    cause: error.cause,
    ...(error.details === undefined ? {} : { details: error.details })
  })

const unknown = (error: HeraldError): HeraldError =>
  failure(
    "OutcomeUnknown",
    `the answer to the commit was lost (${error.message}): it is committed by now, or never will be. With the same Idempotency-Key it can be asked again; nothing is written twice`,
    { cause: error }
  )
