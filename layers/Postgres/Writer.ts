/**
 * The writer: publishers queue here, and all that wait are committed by one call of `herald_commit`.
 *
 *   X1  A release that was sent to the database once is never written twice: every one carries an idempotency key, its own or one
 *       made here, so that a commit whose answer was lost can be asked for again.
 *   X2  A publisher waits at most `deadline`; then it gets `DatabaseUnavailable`.
 *   X3  One release that the database can't take fails alone.
 */
import { randomUUID } from "node:crypto"
import { Clock, Deferred, Duration, Effect, Option, Queue, type Tracer } from "effect"
import { SqlClient } from "effect/sql"
import type { Release } from "../../src/configuration/Change.ts"
import type { Committed } from "../../src/configuration/ConfigurationStore.ts"
import type { ErrorName } from "../../src/errors/Catalogue.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { within } from "../../src/propagation/Traces.ts"
import { guarded } from "./Failure.ts"
import { asRevision, type RevisionRow } from "./Rows.ts"
import type { Seen } from "./Witness.ts"

export interface WriterOptions {
  readonly deadline: Duration.Input
  /** Called after commits with the newest of them, if one is new; never waited for. */
  readonly committed: (newest: Seen | undefined) => void
}

interface Waiting {
  readonly release: Release
  /** The newest revision that was known when it came; set once it may have been committed without our knowing. X1 */
  readonly known: bigint
  since: bigint | undefined
  readonly json: string
  readonly span: Tracer.AnySpan | undefined
  readonly done: Deferred.Deferred<Committed, HeraldError>
  readonly until: bigint
}

type Answer =
  | {
      readonly ok: true
      readonly replayed: false
      readonly revision: string
      readonly epoch: string
      readonly committedAt: number
      readonly versions: ReadonlyArray<{ readonly version: number; readonly createdAt: number }>
    }
  | { readonly ok: true; readonly replayed: true; readonly row: RevisionRow }
  | {
      readonly ok: false
      readonly name: ErrorName
      readonly message: string
      readonly details: Record<string, unknown>
    }

/** Publishers that may wait; further ones wait to wait, within their deadline. */
const QUEUE = 1_024
/** Calls under way: while the database works on one, the next is gathered and sent. The lock in herald_commit keeps their order. */
const CALLS = 2
const BATCH = 128
const BATCH_CHARACTERS = 8_388_608
const RETRY = Duration.millis(100)

export const makeWriter = Effect.fnUntraced(function* (options: WriterOptions) {
  const sql = yield* SqlClient.SqlClient
  const clock = yield* Clock.Clock
  const queue = yield* Queue.bounded<Waiting>(QUEUE)
  const deadline = Duration.toNanosUnsafe(options.deadline)

  let newest = 0n

  const call = (batch: ReadonlyArray<Waiting>) =>
    sql<{ answers: ReadonlyArray<Answer> }>`
      select herald_commit(${`[${batch.map(({ json }) => json).join(",")}]`}::text::jsonb, ${sinceOf(batch)}::text::bigint) as answers`.pipe(
      Effect.map((rows) => rows[0]!.answers),
      guarded("commit"),
      within(batch.flatMap(({ span }) => span ?? []))
    )

  const settle = (batch: ReadonlyArray<Waiting>, answers: ReadonlyArray<Answer>) => {
    let seen: Seen | undefined
    for (const [index, { release, done }] of batch.entries()) {
      const answer = answers[index]!
      if (answer.ok && !answer.replayed) {
        seen = { epoch: answer.epoch, revision: BigInt(answer.revision), committedAt: answer.committedAt }
        if (seen.revision > newest) newest = seen.revision
      }
      Deferred.doneUnsafe(done, resultOf(release, answer))
    }
    options.committed(seen)
  }

  /** Whose transaction keeps publishers waiting: for the operator who reads the log. */
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

  const giveUp = (waiting: Waiting, error: HeraldError) => Deferred.doneUnsafe(waiting.done, Effect.fail(error))

  const write = (batch: ReadonlyArray<Waiting>): Effect.Effect<void> =>
    batch.length === 0
      ? Effect.void
      : call(batch).pipe(
          Effect.matchEffect({
            onSuccess: (answers) => Effect.sync(() => settle(batch, answers)),
            onFailure: (error) => {
              if (error.name === "DatabaseUnavailable") return again(batch, error) // X1
              if (batch.length > 1) return Effect.forEach(batch, (one) => write([one]), { discard: true }) // X3
              return Effect.sync(() => giveUp(batch[0]!, error)).pipe(
                Effect.andThen(error.name === "Timeout" ? tellHolder : Effect.void)
              )
            }
          })
        )

  const again = (batch: ReadonlyArray<Waiting>, error: HeraldError) =>
    Effect.suspend(() => {
      const now = clock.monotonicTimeNanosUnsafe()
      const left = batch.filter((one) => one.until > now)
      for (const one of left) one.since = one.known
      for (const one of batch) if (one.until <= now) giveUp(one, error) // X2
      return Effect.andThen(Effect.sleep(left.length === 0 ? Duration.zero : RETRY), write(left))
    })

  const next = Effect.gen(function* () {
    const batch = [yield* Queue.take(queue)]
    let characters = batch[0]!.json.length
    while (batch.length < BATCH && characters < BATCH_CHARACTERS && Queue.sizeUnsafe(queue) > 0) {
      const one = yield* Queue.take(queue)
      batch.push(one)
      characters += one.json.length
    }
    const now = clock.monotonicTimeNanosUnsafe()
    yield* write(batch.filter((one) => one.until > now))
  })

  const writing = next.pipe(
    Effect.catchDefect((defect) => Effect.logError("the writer met a defect", defect)),
    Effect.forever
  )
  for (let i = 0; i < CALLS; i++) yield* Effect.forkScoped(writing)

  return Effect.fnUntraced(function* (release: Release) {
    const waiting: Waiting = {
      release,
      known: newest,
      since: undefined,
      json: encode(release),
      span: Option.getOrUndefined(yield* Effect.option(Effect.currentParentSpan)),
      done: yield* Deferred.make<Committed, HeraldError>(),
      until: clock.monotonicTimeNanosUnsafe() + deadline
    }
    return yield* Queue.offer(queue, waiting).pipe(
      Effect.andThen(Deferred.await(waiting.done)),
      Effect.timeoutOrElse({ duration: Duration.nanos(deadline + 1_000_000_000n), orElse: () => Effect.fail(tooLate) }) // X2
    )
  })
})

/** The lowest revision behind which a release of this batch may be; null when none was sent before. */
const sinceOf = (batch: ReadonlyArray<Waiting>): string | null => {
  let lowest: bigint | undefined
  for (const { since } of batch) if (since !== undefined && (lowest === undefined || since < lowest)) lowest = since
  return lowest === undefined ? null : String(lowest)
}

const tooLate = failure(
  "DatabaseUnavailable",
  "the commit was not confirmed in time; with the same Idempotency-Key it can be tried again, nothing is written twice"
)

/** X1: a key of the publisher's begins with "=", one that is made here with "~". */
const encode = ({ action, actor, message, traceparent, idempotency, changes }: Release): string =>
  JSON.stringify({
    action,
    actor,
    message,
    traceparent,
    commitId: idempotency === undefined ? `~${randomUUID()}` : `=${idempotency.key}`,
    digest: idempotency?.digest ?? "",
    changes
  })

const resultOf = (release: Release, answer: Answer): Effect.Effect<Committed, HeraldError> => {
  if (!answer.ok) return Effect.fail(failure(answer.name, answer.message, { details: answer.details }))
  if (answer.replayed) {
    const revision = asRevision(answer.row)
    return Effect.succeed({ revision, replayed: release.idempotency !== undefined })
  }
  const { epoch, committedAt, versions } = answer
  const { actor, message, traceparent } = release
  const revision = BigInt(answer.revision)
  const changes = release.changes.map(({ expectedVersion: _, value, ...change }, index) => ({
    ...change,
    version: versions[index]!.version,
    revision,
    value: value ?? "",
    deleted: value === null,
    createdAt: versions[index]!.createdAt,
    updatedAt: committedAt,
    updatedBy: actor
  }))
  return Effect.succeed({
    revision: { epoch, revision, changes, traceparent, actor, message, committedAt },
    replayed: false
  })
}
