/** The pool of connections, with the limits that every session of Herald has. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, type Redacted } from "effect"
import { fromSql } from "./Failure.ts"

export interface ClientOptions {
  readonly url: Redacted.Redacted
  readonly maxConnections: number
}

/** A release of 4 MiB may be six times as long as JSON. */
const MAX_MESSAGE = 64 * 1_048_576

export const layerClient = ({ url, maxConnections }: ClientOptions) =>
  PgClient.layer({
    url,
    maxConnections,
    connectTimeout: "3 seconds",
    idleTimeout: "1 minute",
    maxMessageSize: MAX_MESSAGE,
    applicationName: "herald",
    startupParameters: {
      // herald_commit relies on seeing, statement by statement, what the holder of the lock before it committed.
      default_transaction_isolation: "read committed",
      idle_in_transaction_session_timeout: "30s",
      lock_timeout: "3s",
      statement_timeout: "10s",
      client_min_messages: "warning"
    }
  }).pipe(Layer.catch((error) => Layer.effectContext(Effect.fail(fromSql("use the database of DATABASE_URL")(error)))))
