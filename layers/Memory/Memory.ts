/** Every store in memory, for development and unit tests: the same contract suites as PostgreSQL. Nothing survives the process. */
import { Effect, Layer } from "effect"
import { layerAudit, layerKeys } from "./access/ApiKeyStore.ts"
import { layerCheckpoints } from "./access/CheckpointStore.ts"
import { layerRegistry } from "./configuration/ConfigurationStore.ts"
import { layerFleet } from "./fleet/InstanceStore.ts"
import { layerLeases } from "./leases/Leases.ts"
import { layerOutbox } from "./outbox/Outbox.ts"
import { layerRetention } from "./retention/RetentionStore.ts"
import { State } from "./State.ts"
import { layerSeal } from "./seals/Seal.ts"
import { layerClientAudit, layerWebhookQueue } from "./webhooks/WebhookQueue.ts"

export const layerOn = (state: State) =>
  Layer.mergeAll(
    layerRegistry(state),
    layerFleet(state),
    layerKeys(state),
    layerAudit(state),
    layerCheckpoints,
    layerOutbox(state),
    layerLeases(state),
    layerRetention(state),
    layerClientAudit(state),
    layerWebhookQueue(state),
    layerSeal(state)
  )

export const layer = Layer.unwrap(Effect.sync(() => layerOn(new State())))
