/** Writes clients and what they have as JSON, and where a page of them ended. */
import { Schema } from "effect"
import type * as Fleet from "../../../fleet/Clients.ts"
import type { Fact } from "../../../fleet/Facts.ts"
import type { Has } from "../../../fleet/Instance.ts"
import type { ListCursor, NodeReport } from "../../../fleet/InstanceStore.ts"
import type * as Counts from "../../../fleet/Summary.ts"
import { Plain } from "../../../text/Plain.ts"
import { Labels, Stamp, stamp, Whole } from "../Wire.ts"

/** A revision means nothing without its epoch: one of another epoch than that of `desired` belongs to a history that was lost. */
const Of = { version: Whole, revision: Whole, epoch: Schema.String }
const At = Schema.Struct({ ...Of, at: Schema.Finite, time: Stamp })
/** A key of a client: the newest version there is, beside what is known of what the client has. null: unknown. */
export const ClientKey = Schema.Struct({
  key: Schema.String,
  desired: Schema.NullOr(Schema.Struct(Of)),
  /** The newest that was sent. */
  sent: Schema.NullOr(At),
  /** What it runs: the newest that it confirmed, whatever was sent or rejected since. */
  applied: Schema.NullOr(At),
  /** What it rejected after that, and why. */
  rejected: Schema.NullOr(Schema.Struct({ ...Of, at: Schema.Finite, time: Stamp, reason: Schema.String })),
  /** Why the newest version can't be sent to this client, or "". */
  problem: Schema.String
}).annotate({ identifier: "ClientKey" })

export const Client = Schema.Struct({
  environment: Schema.String,
  service: Schema.String,
  instance: Schema.String,
  state: Schema.Literals(["connected", "disconnected", "timed_out"]),
  labels: Labels,
  patterns: Schema.Array(Schema.String),
  connectedAt: Schema.Finite,
  connectedTime: Stamp,
  lastSeen: Schema.Finite,
  lastSeenTime: Stamp,
  /** Why the last session ended; "" while connected. */
  ending: Schema.String,
  node: Schema.String,
  /** The principal whose session it is or was; "": principals share it. */
  owner: Schema.String,
  health: Schema.NullOr(
    Schema.Struct({
      revision: Whole,
      epoch: Schema.String,
      health: Schema.Literals(["healthy", "degraded", "unhealthy"]),
      message: Schema.String,
      metrics: Schema.Record(Schema.String, Schema.Number),
      reportedAt: Schema.Finite,
      reportedTime: Stamp
    })
  ),
  /** In the order of keys; the first page also has later ones that were rejected or can't be sent. */
  keys: Schema.Array(ClientKey),
  /** Give it as `afterKey`, with `instance`, for more keys; null when there are no more. */
  nextKey: Schema.NullOr(Schema.String),
  /** How many of all its keys were rejected or can't be sent, counted up to 1,000. */
  troubled: Whole
}).annotate({ identifier: "Client" })
export type Client = typeof Client.Type
/** `next`: give it as `after` for the next page; null at the end. */
export const Clients = Schema.Struct({ clients: Schema.Array(Client), next: Schema.NullOr(Schema.String) })

export const KeySummary = Schema.Struct({
  key: Schema.String,
  desired: Schema.NullOr(Schema.Struct(Of)),
  /** Connected clients that subscribe to it: the sum of the numbers that follow. */
  clients: Whole,
  applied: Whole,
  rejected: Whole,
  /** Those to which it can't be sent. */
  problem: Whole,
  pending: Whole,
  /** What they run, the most frequent first, at most 20. */
  versions: Schema.Array(Schema.Struct({ ...Of, clients: Whole }))
}).annotate({ identifier: "KeySummary" })
export type KeySummary = typeof KeySummary.Type

export const ServiceSummary = Schema.Struct({
  environment: Schema.String,
  service: Schema.String,
  connected: Whole,
  away: Whole,
  /** At most 200; those with trouble first. */
  keys: Schema.Array(KeySummary),
  more: Schema.Boolean
}).annotate({ identifier: "ServiceSummary" })
export type ServiceSummary = typeof ServiceSummary.Type
/** `next`: give it as `after` for the next page, whose numbers are to be added; null at the end. */
export const Summary = Schema.Struct({
  services: Schema.Array(ServiceSummary),
  next: Schema.NullOr(Schema.String)
})
export type Summary = typeof Summary.Type

export const Node = Schema.Struct({
  node: Schema.String,
  /** One life of its process. */
  run: Schema.String,
  /** Milliseconds since 1970; it was seen without a break since then. */
  since: Schema.Finite,
  sinceTime: Stamp,
  seenAt: Schema.Finite,
  seenTime: Stamp,
  /** Clients that are connected to it. */
  clients: Whole
}).annotate({ identifier: "Node" })
export type Node = typeof Node.Type
export const Nodes = Schema.Struct({ nodes: Schema.Array(Node) })

export const node = ({ node, run, since, seenAt, clients }: NodeReport): Node => ({
  node,
  run,
  since,
  sinceTime: stamp(since),
  seenAt,
  seenTime: stamp(seenAt),
  clients
})

const has = ({ version, revision, epoch }: Has) => ({ version, revision: Number(revision), epoch })

export const summary = ({ services, next }: Counts.Summary): Summary => ({
  services: services.map(({ environment, service, connected, away, more, keys }) => ({
    environment,
    service,
    connected,
    away,
    more,
    keys: keys.map(({ key, desired, clients, applied, rejected, problem, pending, versions }) => ({
      key,
      desired: desired === undefined ? null : has(desired),
      clients,
      applied,
      rejected,
      problem,
      pending,
      versions: versions.map((one) => ({ ...has(one), clients: one.clients }))
    }))
  })),
  next: next === undefined ? null : cursor({ ...next, connected: true })
})

const at = (fact: Fact | undefined) =>
  fact === undefined
    ? null
    : { version: fact.version, revision: Number(fact.revision), epoch: fact.epoch, at: fact.at, time: stamp(fact.at) }

export const client = ({ health, keys, ...row }: Fleet.Client): Client => ({
  environment: row.environment,
  service: row.service,
  instance: row.instance,
  state: row.state,
  labels: row.labels,
  patterns: row.patterns,
  connectedAt: row.connectedAt,
  connectedTime: stamp(row.connectedAt),
  lastSeen: row.lastSeen,
  lastSeenTime: stamp(row.lastSeen),
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
          reportedAt: health.reportedAt,
          reportedTime: stamp(health.reportedAt)
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

/** Where a page ended, as one opaque word. */
export const cursor = ({ environment, service, instance, connected }: ListCursor): string =>
  Buffer.from(JSON.stringify([environment, service, instance, connected])).toString("base64url")

/** Undefined when the word is no such place. */
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
