/** Every store on PostgreSQL. Waits for a database that is not there yet, and migrates it. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import * as ApiKeyStore from "./access/ApiKeyStore.ts"
import * as AuditLog from "./access/AuditLog.ts"
import * as Commits from "./commits/Commits.ts"
import * as ConfigurationStore from "./configuration/ConfigurationStore.ts"
import type { ClientOptions } from "./connection/Client.ts"
import { Gone } from "./connection/Failure.ts"
import { migrate, readMigrations } from "./connection/Migrations.ts"
import { Pools } from "./connection/Pools.ts"
import * as ClientAudit from "./consumers/ClientAudit.ts"
import * as InstanceStore from "./fleet/InstanceStore.ts"
import * as Leases from "./leases/Leases.ts"
import * as Outbox from "./outbox/Outbox.ts"
import * as RevisionLog from "./propagation/RevisionLog.ts"
import * as RetentionStore from "./retention/RetentionStore.ts"
import * as Seal from "./seals/Seal.ts"
import * as WebhookQueue from "./webhooks/WebhookQueue.ts"

/** Seconds that a server which starts waits for its database. */
const WAIT = 60

const Migrated = Layer.effectDiscard(
  Pools.pipe(
    Effect.flatMap(({ other }) => migrate(readMigrations()).pipe(Effect.provideService(SqlClient.SqlClient, other))),
    Effect.tapError((error) =>
      error instanceof Gone
        ? Effect.logWarning("waiting for the database", { code: error.code, message: error.message })
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
    InstanceStore.layer,
    ApiKeyStore.layer,
    AuditLog.layer,
    Outbox.layer,
    Leases.layer,
    RetentionStore.layer,
    ClientAudit.layer,
    WebhookQueue.layer,
    Seal.layer
  )
  return stores.pipe(Layer.provide(Migrated), Layer.provide(Pools.layer(options)))
}
