/**
 * Makes what PostgreSQL says into errors of the catalogue. SQLSTATEs: PostgreSQL 18, appendix A.
 *
 *   FL1  A message for callers says what could not be done and what kind of failure it was, in Herald's words and never the database's.
 *   FL2  A statement whose connection was closed under it failed, whether or not it was done: it interrupts nobody who waits for it.
 */
import { Cause, type Context, Duration, Effect, Exit, Fiber, Metric, Scope } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import type { ErrorName } from "../../../src/errors/Catalogue.ts"
import { HeraldError } from "../../../src/errors/HeraldError.ts"
import { Unkeepable } from "../../../src/errors/Unkeepable.ts"
import { histogram } from "../../../src/telemetry/Metrics.ts"

/** When the database has not answered a statement within this time, it counts as gone. */
const PATIENCE = Duration.seconds(5)

const sqlStateOf = (error: unknown): string => {
  for (let at: unknown = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return code
  }
  return ""
}

const readOnly = new Set(["25006", "53100"]) // read_only_sql_transaction, disk_full
const away = new Set(["53200", "53300", "57P01", "57P02", "57P03", "57P04", "58000", "58030", "40001", "40P01"])

/** The server is a standby, or set to read only. */
export const isReadOnlyServer = (error: SqlError): boolean => sqlStateOf(error) === "25006"

/** The connection or the server is gone, not the statement wrong. */
export const isAway = ({ reason }: SqlError): boolean =>
  reason._tag === "ConnectionError" || away.has(sqlStateOf(reason))

const nameOf = ({ reason }: SqlError, state: string): ErrorName => {
  if (readOnly.has(state)) return "DatabaseReadOnly"
  if (reason._tag === "LockTimeoutError" || reason._tag === "StatementTimeoutError") return "Timeout"
  if (reason._tag === "ConnectionError" || reason._tag === "AuthenticationError" || away.has(state)) {
    return "DatabaseUnavailable"
  }
  return "Internal"
}

/** It answers, and takes no writes: read-only, or its disk is full. */
export const takesNoWrites = ({ cause }: HeraldError): boolean => readOnly.has(sqlStateOf(cause))

/** It answers, and is a standby or set to read only. */
export const isReadOnly = ({ cause }: HeraldError): boolean => sqlStateOf(cause) === "25006"

/** Another session held a lock for too long. */
export const isLockTimeout = ({ cause }: HeraldError): boolean => sqlStateOf(cause) === "55P03"

/** What it asked of is not there any more. */
export const isMissingTable = ({ cause }: HeraldError): boolean => sqlStateOf(cause) === "42P01"

/** What is stored can't be read: data_corrupted, index_corrupted. */
export const isDamaged = ({ cause }: HeraldError): boolean => /^XX00[12]/.test(sqlStateOf(cause))

/**
 * Makes errors of the data, not of the statement, into `Unkeepable`: data exceptions (class 22) and broken constraints (23) come at every try. It says
 * which one, and not what the database says of it: the data itself may be in that.
 */
export const refusing = (error: HeraldError): HeraldError | Unkeepable => {
  const state = sqlStateOf(error.cause)
  return /^2[23]/.test(state) ? new Unkeepable({ message: `${error.message} (SQLSTATE ${state})` }) : error
}

/** An error whose message is Herald's own, so that callers may read it. */
export class OwnWords extends Error {}

const ownWords = (error: unknown): string | undefined => {
  for (let at: unknown = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause)
    if (at instanceof OwnWords) return at.message
  return undefined
}

/** A `DatabaseUnavailable`: the server was not there or did not answer in time, so what it was asked may have been done. */
export class Gone extends HeraldError {}

const failureOf = (name: ErrorName, message: string, cause: SqlError): HeraldError =>
  new (name === "DatabaseUnavailable" ? Gone : HeraldError)({ name, message, cause })

/** The error for whoever starts the server: with what the database said. */
export const toOperator =
  (what: string) =>
  (error: SqlError): HeraldError =>
    failureOf(nameOf(error, sqlStateOf(error)), `could not ${what}: ${causeText(error.reason)}`, error)

/** FL1 */
const saidOf = (name: ErrorName): string => {
  switch (name) {
    case "DatabaseReadOnly":
      return "the database takes no writes"
    case "Timeout":
      return "the database did not get to it in time"
    case "DatabaseUnavailable":
      return "the database is away"
    default:
      return "the database refused the statement"
  }
}

const causeText = (error: unknown): string => {
  let text = ""
  for (let at: unknown = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { message } = at as { message?: unknown }
    if (typeof message === "string" && message !== "") text = message
  }
  return text
}

export const textOf = ({ reason }: SqlError): string => causeText(reason)

/**
 * `what`: what the statement was for, as in "could not <what>". What the database said is in the cause only, for the log, as callers would learn
 * from it how the database is built.
 */
export const fromSql =
  (what: string) =>
  (error: SqlError): HeraldError => {
    const name = nameOf(error, sqlStateOf(error))
    return failureOf(name, `could not ${what}: ${ownWords(error.reason) ?? saidOf(name)}`, error)
  }

/**
 * Ends in time even when the statement does not, as the driver takes up to 10 s to give up a statement to a server that hangs. The statement keeps
 * its connection and ends in the background.
 */
export const inTime =
  <B, E2>(duration: Duration.Input, orElse: () => Effect.Effect<B, E2>) =>
  <A, E, R>(statement: Effect.Effect<A, E, R>): Effect.Effect<A | B, E | E2, R> =>
    Effect.withFiber((asking) =>
      Effect.callback<A | B, E | E2>((resume) => {
        // Not forked and raced: every statement comes by here, and each fiber that is scheduled costs it a turn of the event loop.
        const run = Effect.runForkWith(asking.context as Context.Context<R>)
        const running = run(statement)
        const early = running.pollUnsafe()
        if (early !== undefined) return resume(early)
        const timer = run(Effect.sleep(duration))
        running.addObserver((exit) => {
          timer.interruptUnsafe()
          resume(exit)
        })
        timer.addObserver((exit) => {
          if (Exit.isFailure(exit)) return
          resume(orElse())
          running.interruptUnsafe()
        })
        return Effect.sync(() => {
          running.interruptUnsafe()
          timer.interruptUnsafe()
        })
      })
    )

/** How long the end of a scope waits for connections to close. */
const FAREWELL = Duration.millis(500)

/** A scope for connections. It ends with the scope around it, which it does not hold up when the server hangs. */
export const ownScope = Effect.gen(function* () {
  const own = yield* Scope.make()
  yield* Effect.addFinalizer((exit) =>
    Effect.flatMap(Effect.forkDetach(Scope.close(own, exit)), (closing) =>
      Effect.interruptible(Effect.timeoutOption(Fiber.await(closing), FAREWELL))
    )
  )
  return own
})

const querySeconds = histogram(
  "herald_db_query_seconds",
  "time of a database call, with the wait for a connection",
  [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
)

const timed = <A, E, R>(statement: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    return Effect.onExit(statement, () =>
      Effect.suspend(() => Metric.update(querySeconds, Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9))
    )
  })

/** FL2. A closed pool, such as one to a server that was left, interrupts whoever asks it for a connection: that becomes a failure. */
const orClosed = <A, R>(statement: Effect.Effect<A, SqlError, R>): Effect.Effect<A, SqlError, R> =>
  Effect.catchCause(statement, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.fail(closed) : Effect.failCause(cause)
  )
const closed = new SqlError({
  reason: new ConnectionError({ cause: new OwnWords("the connection was closed"), message: "it was closed" })
})

/** Runs a statement with a time limit. Fails `DatabaseUnavailable`, `DatabaseReadOnly`, `Timeout`, `Internal`. */
export const guarded =
  (what: string, patience = PATIENCE) =>
  <A, R>(statement: Effect.Effect<A, SqlError, R>): Effect.Effect<A, HeraldError, R> =>
    timed(orClosed(statement)).pipe(
      Effect.mapError(fromSql(what)),
      inTime(patience, () =>
        Effect.fail(
          new Gone({
            name: "DatabaseUnavailable",
            message: `could not ${what}: the database did not answer within ${Duration.format(patience)}`
          })
        )
      )
    )
