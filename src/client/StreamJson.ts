/**
 * Translates between herald.distribution.v1 as the SDK has it, and the JSON of the WebSocket `/v1/stream`. Pure but for bytes.
 *
 *   XW2  What is said is read by the server as gRPC's bytes would be, and what is heard is what gRPC would give.
 */
import type {
  ConfigUpdate,
  ReportHealthRequest,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { ReportRequest, ReportResponse } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { bufferOf, fromBase64, toBase64 } from "./Platform.ts"
import type { Ended } from "./Transport.ts"

/** Of herald.publishing.v1. */
interface SaidProblem {
  readonly code?: string
  readonly status?: number
  readonly detail?: string
  readonly retryAfterMs?: number
}

/** Whatever the server says: StreamResponse. */
export interface Said {
  readonly id?: number
  readonly welcome?: { readonly name?: string }
  readonly update?: SaidUpdate
  readonly health?: { readonly accepted?: boolean }
  readonly report?: SaidReport
  readonly problem?: { readonly problem?: SaidProblem; readonly stayAway?: boolean }
}

type SaidUpdate = Partial<
  Readonly<Record<Exclude<keyof ConfigUpdate, "stale" | "strict" | "reconnectAfterMs">, string>>
> & { readonly stale?: boolean; readonly strict?: boolean; readonly reconnectAfterMs?: number }
type SaidReport = Partial<ReportResponse>

const kinds: Readonly<Record<string, ConfigUpdate["kind"]>> = {
  UPDATE_KIND_VALUE: 0,
  UPDATE_KIND_DELETED: 1,
  UPDATE_KIND_SYNCED: 2,
  UPDATE_KIND_HEARTBEAT: 3,
  UPDATE_KIND_DRAIN: 4,
  UPDATE_KIND_PROBLEM: 5
}
const outcomes = ["ACK_OUTCOME_UNSPECIFIED", "ACK_OUTCOME_APPLIED", "ACK_OUTCOME_REJECTED"]
const healths = ["HEALTH_UNSPECIFIED", "HEALTH_HEALTHY", "HEALTH_DEGRADED", "HEALTH_UNHEALTHY"]

const unrecognized = -1

/** XW2 */
export const updateOf = (said: SaidUpdate): ConfigUpdate => ({
  configId: said.configId ?? "",
  key: said.key ?? "",
  version: BigInt(said.version ?? 0),
  format: said.format ?? "",
  content: bufferOf(fromBase64(said.content ?? "")),
  environment: said.environment ?? "",
  revision: BigInt(said.revision ?? 0),
  epoch: said.epoch ?? "",
  digest: said.digest ?? "",
  deltaBase: said.deltaBase ?? "",
  traceparent: said.traceparent ?? "",
  stale: said.stale === true,
  kind: kinds[said.kind ?? "UPDATE_KIND_VALUE"] ?? unrecognized,
  message: said.message ?? "",
  reconnectAfterMs: said.reconnectAfterMs ?? 0,
  committedAtMs: BigInt(said.committedAtMs ?? 0),
  strict: said.strict === true
})

const text = (value: bigint): string | undefined => (value === 0n ? undefined : String(value))
const some = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | undefined => (list.length === 0 ? undefined : list)

/** Left out: what has its default. XW2 */
export const subscribeSaid = (request: SubscribeRequest): unknown => ({
  serviceName: request.serviceName || undefined,
  instanceId: request.instanceId || undefined,
  version: text(request.version),
  metadata: Object.keys(request.metadata).length === 0 ? undefined : request.metadata,
  environment: request.environment || undefined,
  keys: some(request.keys),
  position: request.position && { epoch: request.position.epoch, revision: String(request.position.revision) },
  held: some(
    request.held.map(({ key, digest, revision, sha256 }) => ({
      key,
      digest: digest || undefined,
      revision: text(revision),
      sha256: sha256.length === 0 ? undefined : toBase64(sha256)
    }))
  ),
  acceptsDelta: request.acceptsDelta || undefined,
  control: request.control || undefined,
  acks: some(
    request.acks.map(({ key, revision, outcome, reason, epoch }) => ({
      ...{ key, revision: text(revision), outcome: outcomes[outcome] },
      ...{ reason: reason || undefined, epoch: epoch || undefined }
    }))
  ),
  heartbeat: request.heartbeat || undefined,
  heldMore: request.heldMore || undefined
})

export const healthSaid = ({ revision, health, ...rest }: ReportHealthRequest): unknown => ({
  ...rest,
  revision: String(revision),
  health: healths[health]
})

export const reportSaid = ({ evaluations, exposures, tracks, ...rest }: ReportRequest): unknown => ({
  ...rest,
  evaluations: evaluations.map(({ count, lastAtMs, ...one }) => ({
    ...one,
    count: String(count),
    lastAtMs: String(lastAtMs)
  })),
  exposures: exposures.map(({ atMs, ...one }) => ({ ...one, atMs: String(atMs) })),
  tracks: tracks.map(({ atMs, ...one }) => ({ ...one, atMs: String(atMs) }))
})

export const reportOf = (said: SaidReport): ReportResponse =>
  ({ replayed: false, accepted: 0, refused: [], refusedCount: 0, overLimit: 0, ...said }) as ReportResponse

export const endedOf = ({ problem = {}, stayAway = false }: NonNullable<Said["problem"]>): Ended => ({
  status: problem.status ?? 2,
  message: problem.detail ?? "the server gave no reason",
  code: problem.code,
  hopeless: stayAway,
  reconnectAfterMillis: (problem.retryAfterMs ?? 0) > 0 ? problem.retryAfterMs : undefined
})
