/**
 * Says how every connection to PostgreSQL is opened, with the limits of every session.
 *
 * Invariants:
 *   PG5  No session compiles plans (`jit`), whatever the server does by itself.
 */
import type { PgClient } from "@effect/sql-pg"
import { Redacted } from "effect"

export const POOLS = ["reads", "writes", "other"] as const
export type PoolName = (typeof POOLS)[number]

export interface ClientOptions {
  /** One server or several, as libpq writes them. */
  readonly url: Redacted.Redacted
  /** Connections of each pool; there are two more, which listen: for changes, and for events of topics. */
  readonly connections: Readonly<Record<PoolName, number>>
  /** Milliseconds that a statement waits for a connection. */
  readonly acquireTimeout: number
  /** Milliseconds after which PostgreSQL ends a statement. */
  readonly statementTimeout: number
  readonly replica: ReplicaOptions | undefined
  /** Off: this node neither tells nor hears of commits by NOTIFY. */
  readonly notify: boolean
}

export interface ReplicaOptions {
  readonly url: Redacted.Redacted
  /** Milliseconds that a read waits for the replica, at most. */
  readonly wait: number
}

/** Bytes. A release of 4 MiB may be six times as long as JSON. */
const MAX_MESSAGE = 64 * 1_048_576

export const configOf = (url: string, statementTimeout: number): PgClient.PgClientConfig => ({
  url: Redacted.make(url),
  connectTimeout: "3 seconds",
  keepAlive: "10 seconds",
  maxMessageSize: MAX_MESSAGE,
  applicationName: "herald",
  startupParameters: {
    // herald_commit relies on seeing, statement by statement, what the holder of the lock before it committed.
    default_transaction_isolation: "read committed",
    idle_in_transaction_session_timeout: "30s",
    // On by default where PostgreSQL has LLVM. The planner guesses thousands of rows of each of our functions, and compiles for a second what runs for a ms.
    jit: "off",
    lock_timeout: "3s",
    statement_timeout: `${statementTimeout}ms`,
    client_min_messages: "warning"
  }
})
