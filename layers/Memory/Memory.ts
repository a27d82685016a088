/** Every store in memory, for development and unit tests: the same contract suites as PostgreSQL. Nothing survives the process. */
import { Layer } from "effect"
import * as ApiKeyStore from "./access/ApiKeyStore.ts"
import * as AuditLog from "./access/AuditLog.ts"
import * as CheckpointStore from "./access/CheckpointStore.ts"
import * as Commits from "./commits/Commits.ts"
import * as ConfigurationStore from "./configuration/ConfigurationStore.ts"
import * as ClientAudit from "./consumers/ClientAudit.ts"
import * as InstanceStore from "./fleet/InstanceStore.ts"
import * as Leases from "./leases/Leases.ts"
import * as Outbox from "./outbox/Outbox.ts"
import * as RevisionLog from "./propagation/RevisionLog.ts"
import * as RetentionStore from "./retention/RetentionStore.ts"
import { State } from "./State.ts"
import * as Seal from "./seals/Seal.ts"
import * as WebhookQueue from "./webhooks/WebhookQueue.ts"

const stores = Layer.mergeAll(
  Commits.layer,
  ConfigurationStore.layer,
  RevisionLog.layer,
  InstanceStore.layer,
  ApiKeyStore.layer,
  AuditLog.layer,
  CheckpointStore.layer,
  Outbox.layer,
  Leases.layer,
  RetentionStore.layer,
  ClientAudit.layer,
  WebhookQueue.layer,
  Seal.layer
)

/** On a database of its own. */
export const layer = stores.pipe(Layer.provide(State.layer))

/** On one that a test holds: also twice in one process, for two nodes. */
export const layerOn = (state: State) => Layer.fresh(stores.pipe(Layer.provide(Layer.succeed(State.service, state))))
