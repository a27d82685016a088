/**
 * Keeps the connections to PostgreSQL: a pool for each kind of work, to whichever server takes writes.
 *
 *   PG1  Each pool has its own connections and its own queue: one that is used up or hangs takes nothing from another.
 *   PG2  A statement waits at most `acquireTimeout` for a connection, and a bounded number of statements wait.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Deferred, Effect, Exit, Layer, Metric, type Queue, Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import { afterEvery } from "../../../src/telemetry/Every.ts"
import { gauge } from "../../../src/telemetry/Metrics.ts"
import { type ClientOptions, POOLS, type PoolName } from "./Client.ts"
import { inTime, ownScope } from "./Failure.ts"
import { type Host, makePrimary, unavailable } from "./Primary.ts"
import { makeWitness, type Witness } from "./Witness.ts"

type Notifications = Queue.Dequeue<{ readonly payload: string }, SqlError>

export class Pools extends Context.Service<
  Pools,
  {
    /** For delivery: reads values, heads and revisions, and who may read them. */
    readonly reads: SqlClient.SqlClient
    /** For commits and what belongs to them. */
    readonly writes: SqlClient.SqlClient
    /** For all else: bookkeeping, administration, reports, sweeping. */
    readonly other: SqlClient.SqlClient
    readonly witness: Witness
    /** A connection of its own that listens, and what ends when another server is in use, so that this connection is to be left. */
    readonly listen: (
      channel: string
    ) => Effect.Effect<
      { readonly notifications: Notifications; readonly left: Effect.Effect<void> },
      SqlError,
      Scope.Scope
    >
  }
>()("herald/layers/Postgres/connection/Pools") {
  static readonly layer = (options: ClientOptions) =>
    Layer.effect(Pools, make(options)).pipe(Layer.provide(Reactivity.layer))
}

/** Statements that may wait for a connection of one pool. */
const WAITING = 1_024

const make = Effect.fnUntraced(function* (options: ClientOptions) {
  const witness = makeWitness()
  const primary = yield* makePrimary(options, witness)
  const reactivity = yield* Reactivity.Reactivity
  const used: Record<PoolName, number> = { reads: 0, writes: 0, other: 0 }
  const waiting: Record<PoolName, number> = { reads: 0, writes: 0, other: 0 }

  const acquire = (name: PoolName): Effect.Effect<Connection, SqlError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) => {
      if (waiting[name] >= WAITING)
        return Effect.fail(unavailable(`${WAITING} statements wait already for a connection (${name})`))
      waiting[name]++
      return Effect.gen(function* () {
        const host = yield* primary.host
        const { client, room } = host.pools[name]
        yield* room.takeScoped(1)
        const connection = yield* Effect.onExit(client.reserve, (exit) =>
          Exit.isFailure(exit) ? Effect.sync(() => primary.ended(host, exit.cause)) : Effect.void
        )
        yield* Effect.acquireRelease(
          Effect.sync(() => used[name]++),
          () => Effect.sync(() => used[name]--)
        )
        return watched(connection, host)
      }).pipe(
        // PG2
        inTime(options.acquireTimeout, () =>
          Effect.fail(unavailable(`no connection was free within ${options.acquireTimeout} ms (pool ${name})`))
        ),
        restore,
        Effect.ensuring(Effect.sync(() => waiting[name]--))
      )
    })

  const watched = (connection: Connection, host: Host): Connection => {
    const watch = <A>(statement: Effect.Effect<A, SqlError>) =>
      Effect.onExit(statement, (exit) =>
        Exit.isFailure(exit) ? Effect.sync(() => primary.ended(host, exit.cause)) : Effect.void
      )
    return {
      execute: (...a) => watch(connection.execute(...a)),
      executeRaw: (...a) => watch(connection.executeRaw(...a)),
      executeStream: (...a) => connection.executeStream(...a),
      executeValues: (...a) => watch(connection.executeValues(...a)),
      executeValuesUnprepared: (...a) => watch(connection.executeValuesUnprepared(...a)),
      executeUnprepared: (...a) => watch(connection.executeUnprepared(...a))
    }
  }

  const pool = (name: PoolName) =>
    SqlClient.make({
      acquirer: acquire(name),
      compiler: PgClient.makeCompiler(),
      driver: "postgresql",
      spanAttributes: [
        ["db.system.name", "postgresql"],
        ["herald.db.pool", name]
      ]
    })

  const count = Effect.suspend(() =>
    Effect.forEach(
      POOLS,
      (name) =>
        Effect.all([
          Metric.update(Metric.withAttributes(sizeGauge, { pool: name }), options.connections[name]),
          Metric.update(Metric.withAttributes(usedGauge, { pool: name }), used[name]),
          Metric.update(Metric.withAttributes(waitingGauge, { pool: name }), waiting[name])
        ]),
      { discard: true }
    )
  )
  yield* Effect.forkScoped(afterEvery("connections were not counted", "1 second", count))

  return Pools.of({
    reads: yield* pool("reads"),
    writes: yield* pool("writes"),
    other: yield* pool("other"),
    witness,
    listen: Effect.fnUntraced(function* (channel) {
      const host = yield* primary.host
      const own = yield* ownScope
      const notifications = yield* PgClient.makeClient(host.config).pipe(
        Effect.flatMap((client) => client.listen(channel)),
        Scope.provide(own),
        Effect.provideService(Reactivity.Reactivity, reactivity)
      )
      return { notifications, left: Deferred.await(host.left) }
    })
  })
})

const sizeGauge = gauge("herald_db_pool_size", "Connections that a pool may open")
const usedGauge = gauge("herald_db_pool_used", "Connections of a pool in use")
const waitingGauge = gauge("herald_db_pool_waiting", "Statements that wait for a connection")
