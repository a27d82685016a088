/** Model → wire, and the answers that are written from it. */
import { HttpServerResponse } from "effect/http"
import type { ApiKey } from "../../access/ApiKeyStore.ts"
import type { AuditEntry } from "../../access/AuditLog.ts"
import type { Configuration, Head } from "../../configuration/Configuration.ts"
import type { Committed } from "../../configuration/ConfigurationStore.ts"
import type { Client } from "../../sessions/Clients.ts"
import type * as Wire from "./Wire.ts"

const privately = { "cache-control": "no-store" }

export const json = (
  body: unknown,
  options?: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify(body), {
    status: options?.status ?? 200,
    contentType: "application/json",
    headers: { ...privately, ...options?.headers }
  })

export const configuration = (found: Configuration): Wire.Configuration => ({
  key: found.key,
  environment: found.environment,
  version: found.version,
  revision: Number(found.revision),
  value: found.value,
  type: found.valueType,
  deleted: found.deleted,
  schema: found.schema,
  strict: found.strict,
  template: found.template,
  digest: found.digest,
  createdAt: found.createdAt,
  updatedAt: found.updatedAt,
  updatedBy: found.updatedBy,
  message: found.changeLog
})

export const head = ({ key, environment, version, revision, digest, strict, template }: Head): Wire.Head => ({
  key,
  environment,
  version,
  revision: Number(revision),
  digest,
  strict,
  template
})

const changed = ({ key, environment, version, valueType, digest, deleted }: Configuration) => ({
  key,
  environment,
  version,
  type: valueType,
  digest,
  deleted
})

const commit = ({ revision, replayed }: Committed) => ({
  revision: Number(revision.revision),
  epoch: revision.epoch,
  committedAt: revision.committedAt,
  replayed
})

export const released = (committed: Committed): Wire.Released => ({
  ...commit(committed),
  message: committed.revision.message,
  changes: committed.revision.changes.map(changed)
})

/** The commit of one key; undefined when the commit did not touch it. */
export const published = (committed: Committed, environment: string, key: string): Wire.Published | undefined => {
  const found = committed.revision.changes.find((change) => change.key === key && change.environment === environment)
  return found === undefined ? undefined : { ...changed(found), ...commit(committed) }
}

export const client = ({ health, keys, ...row }: Client): Wire.Client => ({
  environment: row.environment,
  service: row.service,
  instance: row.instance,
  state: row.state,
  labels: row.labels,
  patterns: row.patterns,
  connectedAt: row.connectedAt,
  lastSeen: row.lastSeen,
  ending: row.ending,
  node: row.node,
  health:
    health === undefined
      ? null
      : {
          revision: Number(health.revision),
          health: health.health,
          message: health.message,
          metrics: health.metrics,
          reportedAt: health.reportedAt
        },
  keys: keys.map(({ key, desired, delivery }) => {
    const at = (time: number) =>
      delivery === undefined ? null : { version: delivery.version, revision: Number(delivery.revision), at: time }
    return {
      key,
      desired: desired === undefined ? null : { version: desired.version, revision: Number(desired.revision) },
      sent: delivery !== undefined && delivery.state !== "problem" && delivery.sentAt > 0 ? at(delivery.sentAt) : null,
      applied: delivery?.state === "applied" ? at(delivery.answeredAt) : null,
      rejected:
        delivery?.state === "rejected"
          ? { version: delivery.version, revision: Number(delivery.revision), reason: delivery.reason }
          : null,
      problem: delivery?.state === "problem" ? delivery.reason : ""
    }
  })
})

export const auditEntry = (entry: AuditEntry): Wire.AuditEntry => ({ ...entry, id: Number(entry.id) })

/** Never the hash. */
export const apiKey = ({ hash: _, ...key }: ApiKey): Wire.ApiKey => key
