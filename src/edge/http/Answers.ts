/** Model → wire, and the answers that are written from it. */
import { Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import type { ApiKey } from "../../access/ApiKeyStore.ts"
import type { Compared } from "../../access/AuditCheckpoints.ts"
import type { AuditEntry, AuditPage } from "../../access/AuditLog.ts"
import type { Configuration, Head } from "../../configuration/Configuration.ts"
import type { Committed } from "../../configuration/ConfigurationStore.ts"
import type { Client } from "../../fleet/Clients.ts"
import type { Fact } from "../../fleet/Facts.ts"
import type { ListCursor } from "../../fleet/InstanceStore.ts"
import { Plain } from "../../text/Plain.ts"
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

const at = (fact: Fact | undefined) =>
  fact === undefined ? null : { version: fact.version, revision: Number(fact.revision), epoch: fact.epoch, at: fact.at }

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
  owner: row.owner,
  health:
    health === undefined
      ? null
      : {
          revision: Number(health.revision),
          epoch: health.epoch,
          health: health.health,
          message: health.message,
          metrics: health.metrics,
          reportedAt: health.reportedAt
        },
  keys: keys.map(({ key, desired, sent, applied, rejected, problem }) => ({
    key,
    desired:
      desired === undefined
        ? null
        : { version: desired.version, revision: Number(desired.revision), epoch: desired.epoch },
    sent: at(sent),
    applied: at(applied),
    rejected: rejected === undefined ? null : { ...at(rejected)!, reason: rejected.reason },
    problem: problem?.reason ?? ""
  })),
  nextKey: row.nextKey ?? null,
  troubled: row.troubled
})

/** Where a page ended, as one word. */
export const cursor = ({ environment, service, instance, connected }: ListCursor): string =>
  Buffer.from(JSON.stringify([environment, service, instance, connected])).toString("base64url")

/** Undefined when it is none. */
export const cursorOf = (word: string): ListCursor | undefined => {
  try {
    const found: unknown = JSON.parse(Buffer.from(word, "base64url").toString())
    if (!isCursor(found)) return undefined
    const [environment, service, instance, connected] = found
    return { environment, service, instance, connected }
  } catch {
    return undefined
  }
}
const Name = Plain(1_024)
const isCursor = Schema.is(Schema.Tuple([Name, Name, Name, Schema.Boolean]))

export const auditEntry = (entry: AuditEntry): Wire.AuditEntry => ({ ...entry, id: Number(entry.id) })

export const verdict = ({
  entries,
  total,
  problem,
  next,
  compared
}: AuditPage & { readonly compared: Compared | undefined }): Wire.AuditVerdict => ({
  ok: problem === undefined && next === undefined,
  entries,
  total,
  broken: problem?.entry === undefined ? null : Number(problem.entry),
  problem: problem === undefined ? null : { kind: problem.kind, message: problem.message },
  next: next ?? null,
  checkpoints:
    compared === undefined
      ? null
      : {
          checked: compared.checked,
          unsigned: compared.unsigned,
          newest: compared.newest === undefined ? null : { entry: Number(compared.newest.id), at: compared.newest.at }
        }
})

/** Never the hash. */
export const apiKey = ({ hash: _, ...key }: ApiKey): Wire.ApiKey => key
