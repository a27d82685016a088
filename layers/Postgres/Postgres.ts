/** Every store on PostgreSQL. Waits for a database that is not there yet, and migrates it. */
import { randomUUID } from "node:crypto"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { waitFor } from "../../src/telemetry/WaitFor.ts"
import { adapters } from "./Adapters.ts"
import * as Commits from "./commits/Commits.ts"
import * as ConfigurationStore from "./configuration/ConfigurationStore.ts"
import type { ClientOptions } from "./connection/Client.ts"
import { Gone } from "./connection/Failure.ts"
import { migrate, readMigrations } from "./connection/Migrations.ts"
import { Pools } from "./connection/Pools.ts"
import * as RevisionLog from "./propagation/RevisionLog.ts"
import * as RouteStore from "./routes/RouteStore.ts"
import * as TopicLog from "./topics/TopicLog.ts"

/** Tries, a second apart, of a server that starts before its database. */
const WAIT = 60

const Migrated = Layer.effectDiscard(
  Effect.flatMap(Pools, ({ other }) =>
    waitFor("waiting for the database", Effect.provideService(migrate(readMigrations()), SqlClient.SqlClient, other), {
      while: (error) => error instanceof Gone,
      times: WAIT
    })
  )
)

export const layer = (options: ClientOptions) => {
  const origin = { origin: randomUUID() }
  const stores = Layer.mergeAll(
    Commits.layer({ ...origin, notify: options.notify }),
    ConfigurationStore.layer(options),
    RevisionLog.layer({ ...origin, notify: options.notify }),
    RouteStore.layer(options),
    TopicLog.layer(options),
    adapters
  )
  return stores.pipe(Layer.provide(Migrated), Layer.provide(Pools.layer(options)))
}
