/** Every store on PostgreSQL. Waits for a database that is not there yet, and migrates it. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { layerAudit, layerKeys } from "./access/ApiKeyStore.ts"
import { layerStore } from "./configuration/ConfigurationStore.ts"
import type { ClientOptions } from "./connection/Client.ts"
import { migrate, readMigrations } from "./connection/Migrations.ts"
import { layerPools, Pools } from "./connection/Pools.ts"
import { layerClientAudit } from "./consumers/ClientAudit.ts"
import { layerInstances } from "./fleet/InstanceStore.ts"
import { layerLeases } from "./leases/Leases.ts"
import { layerOutbox } from "./outbox/Outbox.ts"
import { layerLog } from "./propagation/RevisionLog.ts"
import { layerRetention } from "./retention/RetentionStore.ts"
import { layerSeal } from "./seals/Seal.ts"
import { layerWebhookQueue } from "./webhooks/WebhookQueue.ts"

/** Seconds that a server which starts waits for its database. */
const WAIT = 60

const Migrated = Layer.effectDiscard(
  Pools.pipe(
    Effect.flatMap(({ other }) => migrate(readMigrations()).pipe(Effect.provideService(SqlClient.SqlClient, other))),
    Effect.tapError((error) =>
      error.name === "DatabaseUnavailable"
        ? Effect.logWarning("waiting for the database", { code: error.code, message: error.message })
        : Effect.void
    ),
    Effect.retry({
      while: (error) => error.name === "DatabaseUnavailable",
      schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: WAIT }))
    })
  )
)

export const layer = (options: ClientOptions) => {
  const origin = { origin: randomUUID() }
  const stores = Layer.mergeAll(
    layerStore({ ...origin, client: options }),
    layerLog({ ...origin, notify: options.notify }),
    layerInstances,
    layerKeys,
    layerAudit,
    layerOutbox,
    layerLeases,
    layerRetention,
    layerClientAudit,
    layerWebhookQueue,
    layerSeal
  )
  return stores.pipe(Layer.provide(Migrated), Layer.provide(layerPools(options)))
}
