/**
 * Finds the server that takes writes, among those of the URL.
 *
 *   PG3  A server in recovery is never used: not at the start, and not after it became a standby. Connections to one that refuses writes
 *        are closed, and the servers are asked again, in turn.
 *   PG4  What was lost by a promotion ends the epoch before the promoted server is used.
 */
import { PgClient } from "@effect/sql-pg"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Redacted, Scope, Semaphore } from "effect"
import { Reactivity } from "effect/reactivity/Reactivity"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { nameOf, serversOf } from "../../../src/settings/DatabaseUrl.ts"
import { type ClientOptions, configOf, POOLS, type PoolName } from "./Client.ts"
import { inTime, isAway, isReadOnlyServer, OwnWords, ownScope, textOf } from "./Failure.ts"
import type { Witness } from "./Witness.ts"

/** A server in use, and the pools of connections to it. */
export interface Host {
  readonly server: string
  readonly config: PgClient.PgClientConfig
  readonly pools: Readonly<Record<PoolName, { readonly client: PgClient.PgClient; readonly room: Semaphore.Semaphore }>>
  /** Completes when the server is no longer used. */
  readonly left: Deferred.Deferred<void>
  readonly scope: Scope.Closeable
}

export interface Primary {
  readonly host: Effect.Effect<Host, SqlError>
  /** Tells what a statement on `host` failed with. Where that casts doubt on the server, all are asked again in the background. */
  readonly ended: (host: Host, cause: Cause.Cause<SqlError>) => void
}

const PROBE = Duration.seconds(2)
/** Nanoseconds between two rounds of asking the servers. */
const PAUSE = 500_000_000n
/** Time that statements on a server that was left have to end. */
const GRACE = Duration.seconds(5)

const awayWith = (cause: Error) => new SqlError({ reason: new ConnectionError({ cause, message: cause.message }) })
/** An error of the connection in Herald's own words. */
export const unavailable = (message: string) => awayWith(new OwnWords(message))

export const makePrimary = Effect.fnUntraced(function* (options: ClientOptions, witness: Witness) {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const reactivity = yield* Reactivity
  const servers = serversOf(Redacted.value(options.url)) ?? [Redacted.value(options.url)]
  let current: Host | undefined
  let looking: Deferred.Deferred<Host, SqlError> | undefined
  let lookedAt = -PAUSE
  let problem: SqlError | undefined

  const open = Effect.fnUntraced(function* (server: string) {
    const own = yield* ownScope.pipe(Scope.provide(scope))
    const config = configOf(server, options.statementTimeout)
    const pools = {} as Record<PoolName, Host["pools"][PoolName]>
    for (const name of POOLS) {
      const maxConnections = options.connections[name]
      const client = yield* PgClient.make({ ...config, maxConnections, idleTimeout: "1 minute" }).pipe(
        Scope.provide(own),
        Effect.provideService(Reactivity, reactivity)
      )
      pools[name] = { client, room: Semaphore.makeUnsafe(maxConnections) }
    }
    return { server, config, pools, left: Deferred.makeUnsafe<void>(), scope: own } satisfies Host
  })

  const leave = (host: Host) =>
    Effect.sync(() => Deferred.doneUnsafe(host.left, Effect.void)).pipe(
      Effect.andThen(Effect.sleep(GRACE)),
      Effect.andThen(Scope.close(host.scope, Exit.void)),
      Effect.forkIn(scope)
    )

  /** Whether the server takes writes. PG4 */
  const probe = (server: string) =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* PgClient.makeClient(configOf(server, options.statementTimeout))
        const [row] = yield* sql<{ standby: boolean; migrated: boolean }>`
          select pg_is_in_recovery() as standby, to_regprocedure('herald_follow(text,bigint,double precision)') is not null as migrated`
        if (row!.standby) return false
        if (!row!.migrated) return true
        const { epoch, revision, committedAt } = witness.newest() ?? { epoch: null, revision: null, committedAt: null }
        const [answer] = yield* sql<{ lost: string | null }>`
          select herald_follow(${epoch}::text, ${revision === null ? null : String(revision)}::text::bigint, ${committedAt}::float8) as lost`
        if (answer!.lost !== null)
          yield* Effect.logWarning("history may have been lost: a new epoch begins, clients compare everything", {
            reason: answer!.lost,
            server: nameOf(server)
          })
        return true
      })
    ).pipe(
      Effect.provideService(Reactivity, reactivity),
      inTime(PROBE, () => Effect.fail(unavailable("no answer")))
    )

  /** Asks the servers in turn, the one in use first. `fresh`: makes new connections even to that one. */
  const look = Effect.fnUntraced(function* (fresh: boolean) {
    const before = current
    const problems: Array<string> = []
    let only: SqlError | undefined
    for (const server of [...servers].sort((a, b) => Number(b === before?.server) - Number(a === before?.server))) {
      const found = yield* Effect.result(probe(server))
      if (found._tag === "Success" && found.success) {
        if (before?.server === server && !fresh) return before
        const host = yield* open(server)
        current = host
        if (before !== undefined) {
          yield* leave(before)
          yield* Effect.logWarning("another server, or new connections, for the database", { server: nameOf(server) })
        }
        return host
      }
      if (found._tag === "Failure") only = found.failure
      problems.push(`${nameOf(server)}: ${found._tag === "Failure" ? textOf(found.failure) : "it is a standby"}`)
      // PG3
      if (found._tag === "Success" && before !== undefined && before.server === server) {
        current = undefined
        yield* leave(before)
      }
    }
    return yield* servers.length === 1 && only !== undefined ? only : awayWith(new Error(problems.join("; ")))
  })

  const start = (fresh: boolean) => {
    const mine = Deferred.makeUnsafe<Host, SqlError>()
    looking = mine
    return look(fresh).pipe(
      Effect.onExit((exit) => {
        looking = undefined
        lookedAt = clock.monotonicTimeNanosUnsafe()
        problem = Exit.isFailure(exit) ? (Cause.findErrorOption(exit.cause).pipe(orUndefined) ?? problem) : undefined
        return Deferred.done(mine, exit)
      }),
      Effect.forkIn(scope),
      Effect.as(mine)
    )
  }

  const host: Effect.Effect<Host, SqlError> = Effect.suspend(() => {
    if (current !== undefined) return Effect.succeed(current)
    if (looking !== undefined) return Deferred.await(looking)
    if (problem !== undefined && clock.monotonicTimeNanosUnsafe() - lookedAt < PAUSE) return Effect.fail(problem)
    return Effect.flatMap(start(false), Deferred.await)
  })

  const ask = Effect.runForkWith(yield* Effect.context<never>())
  const ended = (on: Host, cause: Cause.Cause<SqlError>) => {
    if (on !== current || looking !== undefined || clock.monotonicTimeNanosUnsafe() - lookedAt < PAUSE) return
    const error = Cause.findErrorOption(cause).pipe(orUndefined)
    const fresh = error !== undefined && isReadOnlyServer(error)
    if (fresh || error === undefined || isAway(error)) ask(Effect.asVoid(start(fresh)))
  }

  return { host, ended } satisfies Primary
})

const orUndefined = <A>(option: { readonly _tag: "Some"; readonly value: A } | { readonly _tag: "None" }) =>
  option._tag === "Some" ? option.value : undefined
