/** Every store in memory, for development and unit tests: the same contract suites as PostgreSQL. Nothing survives the process. */
import { Effect, Layer } from "effect"
import { layerCheckpoints } from "./Checkpoints.ts"
import { layerFleet } from "./Fleet.ts"
import { layerAudit, layerKeys } from "./Keys.ts"
import { layerLeases } from "./Leases.ts"
import { layerOutbox } from "./Outbox.ts"
import { layerRegistry } from "./Registry.ts"
import { layerRetention } from "./Retention.ts"
import { layerSeal } from "./Seal.ts"
import { State } from "./State.ts"
import { layerClientAudit, layerWebhookQueue } from "./Webhooks.ts"

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
