/** Every store on PostgreSQL. Waits for a database that is not there yet, and migrates it. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { adapters } from "./Adapters.ts"
import * as Commits from "./commits/Commits.ts"
import * as ConfigurationStore from "./configuration/ConfigurationStore.ts"
import type { ClientOptions } from "./connection/Client.ts"
import { Gone } from "./connection/Failure.ts"
import { migrate, readMigrations } from "./connection/Migrations.ts"
import { Pools } from "./connection/Pools.ts"
import * as RevisionLog from "./propagation/RevisionLog.ts"

/** Seconds that a server which starts waits for its database. */
const WAIT = 60

const Migrated = Layer.effectDiscard(
  Pools.pipe(
    Effect.flatMap(({ other }) => migrate(readMigrations()).pipe(Effect.provideService(SqlClient.SqlClient, other))),
    Effect.tapError((error) =>
      error instanceof Gone
        ? Effect.logWarning("waiting for the database", { code: error.code, reason: error.message })
        : Effect.void
    ),
    Effect.retry({
      while: (error) => error instanceof Gone,
      schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: WAIT }))
    })
  )
)

export const layer = (options: ClientOptions) => {
  const origin = { origin: randomUUID() }
  const stores = Layer.mergeAll(
    Commits.layer({ ...origin, notify: options.notify }),
    ConfigurationStore.layer(options),
    RevisionLog.layer({ ...origin, notify: options.notify }),
    adapters
  )
  return stores.pipe(Layer.provide(Migrated), Layer.provide(Pools.layer(options)))
}
