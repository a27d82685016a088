/**
 * Reads single keys from a replica, where there is one.
 *
 *   RR1  What a replica answers counts only if, in the same snapshot, it had applied the position that is needed, in its epoch.
 *   RR2  A replica that lags, is away or hangs costs a read at most `wait`; after some such reads it is left alone for a while.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Metric, Redacted, Schedule, Scope } from "effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import { covers, type Position } from "../../../src/propagation/Position.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { counter, each } from "../../../src/telemetry/Metrics.ts"
import { type ClientOptions, configOf } from "./Client.ts"
import { inTime, ownScope, toOperator } from "./Failure.ts"

export interface Replica {
  /**
   * The rows of `query` in any order; undefined when the primary must be asked. Never fails. Names of columns must not begin with `at_`.
   */
  readonly ask: <A extends object>(
    atLeast: Position | undefined,
    query: (sql: SqlClient.SqlClient) => Fragment
  ) => Effect.Effect<ReadonlyArray<A> | undefined>
}

const AGAIN = "10 millis"
const FAILURES = 3
/** Nanoseconds that a replica is left alone. RR2 */
const PAUSE = 1_000_000_000n

interface Answered {
  readonly at_epoch: string
  readonly at_revision: string
  readonly at_found: boolean | null
}

const said = { lags: "it has not applied what is asked for", late: "no answer in time" }

export const noReplica: Replica = { ask: () => Effect.succeed(undefined) }

export const makeReplica = Effect.fnUntraced(function* ({ replica, connections, statementTimeout }: ClientOptions) {
  if (replica === undefined) return noReplica
  const clock = yield* Clock.Clock
  const sql: SqlClient.SqlClient = yield* PgClient.make({
    ...configOf(Redacted.value(replica.url), statementTimeout),
    maxConnections: connections.reads,
    idleTimeout: "1 minute"
  }).pipe(Scope.provide(yield* ownScope), Effect.mapError(toOperator("use the replica of DATABASE_REPLICA_URL")))
  let failures = 0
  let until = clock.monotonicTimeNanosUnsafe()

  const used = yield* notice("postgresql-replica", {
    source: "reads",
    began: "the replica does not answer reads in time: the primary does",
    ended: "the replica answers reads again"
  })

  const failed = (why: SqlError | "lags" | "late") =>
    Effect.suspend(() => {
      const many = ++failures >= FAILURES
      if (many) until = clock.monotonicTimeNanosUnsafe() + PAUSE
      const reason =
        typeof why === "string" ? said[why] : toOperator("use the replica of DATABASE_REPLICA_URL")(why).message
      return (many ? used.fails(reason) : Effect.void).pipe(
        Effect.andThen(Metric.update(Metric.withAttributes(reads, { from: "primary" }), 1)),
        Effect.as(undefined)
      )
    })

  const once = <A extends object>(atLeast: Position, query: Fragment) =>
    sql<A & Answered>`
      select a.*, found.* from (
        select epoch as at_epoch, (select herald_head())::text as at_revision from herald_epoch
      ) a left join (select true as at_found, q.* from (${query}) q) found on true`.pipe(
      Effect.flatMap((rows): Effect.Effect<ReadonlyArray<A>, SqlError | "lags"> => {
        const [first] = rows
        if (first === undefined || !covers({ epoch: first.at_epoch, revision: BigInt(first.at_revision) }, atLeast))
          return Effect.fail("lags" as const)
        return Effect.succeed(
          rows.flatMap(({ at_epoch: _, at_revision: __, at_found, ...row }) => (at_found ? [row as unknown as A] : []))
        )
      })
    )

  return {
    ask: <A extends object>(atLeast: Position | undefined, query: (sql: SqlClient.SqlClient) => Fragment) =>
      Effect.suspend((): Effect.Effect<ReadonlyArray<A> | undefined> => {
        if (atLeast === undefined || clock.monotonicTimeNanosUnsafe() < until) return Effect.succeed(undefined)
        return once<A>(atLeast, query(sql)).pipe(
          Effect.retry({ while: (problem) => problem === "lags", schedule: Schedule.spaced(AGAIN) }),
          inTime(replica.wait, () => Effect.fail("late" as const)), // RR2
          Effect.matchEffect({
            onFailure: failed,
            onSuccess: (found) => {
              failures = 0
              const counted = Metric.update(Metric.withAttributes(reads, { from: "replica" }), 1)
              return Effect.as(Effect.andThen(used.works, counted), found)
            }
          })
        )
      })
  } satisfies Replica
})

const reads = counter(
  "herald_db_replica_reads_total",
  "Reads that a replica may answer, by who answered",
  each("from", ["primary", "replica"])
)
