/** Every store on PostgreSQL. Waits for a database that is not there yet, and migrates it. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import type { ClientOptions } from "./Client.ts"
import { layerClientAudit } from "./ClientAudit.ts"
import { layerStore } from "./ConfigurationStore.ts"
import { layerInstances } from "./InstanceStore.ts"
import { layerAudit, layerKeys } from "./Keys.ts"
import { layerLeases } from "./Leases.ts"
import { migrate, readMigrations } from "./Migrations.ts"
import { layerOutbox } from "./Outbox.ts"
import { layerPools, Pools } from "./Pools.ts"
import { layerRetention } from "./Retention.ts"
import { layerLog } from "./RevisionLog.ts"
import { layerSeal } from "./Seal.ts"
import { layerWebhookQueue } from "./WebhookQueue.ts"

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
