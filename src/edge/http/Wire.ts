/**
 * What the REST door speaks: plain JSON. Revisions are numbers (exact up to 2^53), times are milliseconds since 1970.
 * Every schema's decoded and encoded forms are the same, so answers are written without a second pass.
 */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { auditProblems } from "../../access/AuditLog.ts"
import { roles } from "../../access/Identity.ts"
import { limits, ValueType } from "../../configuration/Configuration.ts"

/** Of a key; the database counts them in 32 bits. */
export const Version = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limits.version }))
/** Of an entry in a log; exact up to 2^53. */
export const Id = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
/** Milliseconds since 1970, as far as dates go. */
const Time = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000_000 }))
const Labels = Schema.Record(Schema.String, Schema.String)
const Details = Schema.Record(Schema.String, Schema.Unknown)
const Role = Schema.Literals(roles)

/** RFC 9457, with the members of Herald's error catalogue. */
const problemFields = {
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.String,
  code: Schema.String,
  cause: Schema.String,
  fix: Schema.String,
  details: Schema.optionalKey(Details),
  traceId: Schema.optionalKey(Schema.String)
}
export const Problem = Schema.Struct(problemFields).annotate({ identifier: "Problem" })
export type Problem = typeof Problem.Type

const problem = (httpApiStatus: number) =>
  Schema.Struct(problemFields)
    .annotate({ identifier: `Problem${httpApiStatus}`, httpApiStatus })
    .pipe(HttpApiSchema.asJson({ contentType: "application/problem+json" }))

/** Any request can end in one of these. */
export const problems = [400, 401, 403, 404, 408, 409, 412, 413, 422, 429, 500, 503, 504].map(problem)

export const Target = { key: Schema.String }
export const InEnvironment = { environment: Schema.String }

/** `value` is the text exactly as published, whatever its type. */
export const Configuration = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  version: Schema.Int,
  revision: Schema.Int,
  value: Schema.String,
  type: ValueType,
  deleted: Schema.Boolean,
  schema: Schema.Unknown,
  strict: Schema.Boolean,
  template: Schema.Boolean,
  digest: Schema.String,
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  updatedBy: Schema.String,
  message: Schema.String
}).annotate({ identifier: "Configuration" })
export type Configuration = typeof Configuration.Type

/** A configuration as it was read; `stale`: the server could not confirm that it is the newest. */
export const Reading = Schema.Struct({ ...Configuration.fields, stale: Schema.Boolean }).annotate({
  identifier: "Reading"
})
export type Reading = typeof Reading.Type

export const Head = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  version: Schema.Int,
  revision: Schema.Int,
  digest: Schema.String,
  strict: Schema.Boolean,
  template: Schema.Boolean
}).annotate({ identifier: "Head" })
export type Head = typeof Head.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const Heads = Schema.Struct({ keys: Schema.Array(Head), next: Schema.NullOr(Schema.String) })
export type Heads = typeof Heads.Type

/** `next`: give it as `before` for the next page, which may be due before `limit` is reached; null at the end. */
export const History = Schema.Struct({
  versions: Schema.Array(Configuration),
  next: Schema.NullOr(Schema.Int)
})
export type History = typeof History.Type

/**
 * `value`: a string is the text of the value, whatever the type; any other JSON is taken as it stands in the body, byte for byte.
 * `type`: kept from the current version when left out; for a new key it follows from `value`.
 * `schema`: a JSON Schema (2020-12); null removes it; left out, it stays. `expectedVersion` 0: the key must not exist.
 */
export const PublishBody = Schema.Struct({
  value: Schema.Unknown,
  type: Schema.optionalKey(ValueType),
  schema: Schema.optionalKey(Schema.Unknown),
  strict: Schema.optionalKey(Schema.Boolean),
  message: Schema.optionalKey(Schema.String),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({ identifier: "PublishBody" })
export type PublishBody = typeof PublishBody.Type

export const RollbackBody = Schema.Struct({
  version: Version,
  message: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "RollbackBody" })

/** One change: `value` null deletes the key. */
export const ReleaseChange = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  value: Schema.Unknown,
  type: Schema.optionalKey(ValueType),
  schema: Schema.optionalKey(Schema.Unknown),
  strict: Schema.optionalKey(Schema.Boolean),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({ identifier: "ReleaseChange" })
export type ReleaseChange = typeof ReleaseChange.Type

export const ReleaseBody = Schema.Struct({
  message: Schema.optionalKey(Schema.String),
  changes: Schema.Array(ReleaseChange)
}).annotate({ identifier: "ReleaseBody" })

/** What a commit did to one key. */
export const Changed = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  version: Schema.Int,
  type: ValueType,
  digest: Schema.String,
  deleted: Schema.Boolean
}).annotate({ identifier: "Changed" })

const commitFields = {
  revision: Schema.Int,
  epoch: Schema.String,
  committedAt: Schema.Finite,
  /** The same Idempotency-Key had this result before; nothing was written now. */
  replayed: Schema.Boolean
}
/** One key published, deleted or rolled back. */
export const Published = Schema.Struct({ ...Changed.fields, ...commitFields }).annotate({ identifier: "Published" })
export type Published = typeof Published.Type
export const Released = Schema.Struct({
  ...commitFields,
  message: Schema.String,
  changes: Schema.Array(Changed)
}).annotate({ identifier: "Released" })
export type Released = typeof Released.Type

/** none, a JSON Patch (RFC 6902), or a unified text difference. */
export const Difference = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("none") }),
  Schema.Struct({
    kind: Schema.Literal("json"),
    patch: Schema.Array(
      Schema.Struct({ op: Schema.String, path: Schema.String, value: Schema.optionalKey(Schema.Unknown) })
    )
  }),
  Schema.Struct({ kind: Schema.Literal("lines"), unified: Schema.String })
]).annotate({ identifier: "Difference" })

export const DiffResult = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  from: Schema.Int,
  to: Schema.Int,
  difference: Difference
})
export type DiffResult = typeof DiffResult.Type

/** What would change, and for how many connected clients. Nothing was written. */
export const Validated = Schema.Struct({
  changes: Schema.Array(
    Schema.Struct({ key: Schema.String, environment: Schema.String, difference: Difference, clients: Schema.Int })
  )
}).annotate({ identifier: "Validated" })
export type Validated = typeof Validated.Type

export const Explanation = Schema.Struct({
  stored: Configuration,
  variables: Labels,
  used: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      value: Schema.String,
      source: Schema.Literals(["environment", "client"])
    })
  ),
  missing: Schema.Array(Schema.String),
  secrets: Schema.Array(Schema.String),
  /** null: something is missing. */
  effective: Schema.NullOr(Schema.String),
  stale: Schema.Boolean
}).annotate({ identifier: "Explanation" })
export type Explanation = typeof Explanation.Type

/** A revision means nothing without its epoch: one of another epoch than `desired` has is of a history that was lost. */
const Of = { version: Schema.Int, revision: Schema.Int, epoch: Schema.String }
const At = Schema.Struct({ ...Of, at: Schema.Finite })
/** A key of a client: the newest version there is, beside what is known of what the client has. null: unknown. */
export const ClientKey = Schema.Struct({
  key: Schema.String,
  desired: Schema.NullOr(Schema.Struct(Of)),
  /** The newest that was sent. */
  sent: Schema.NullOr(At),
  /** The newest that it confirmed and has not left: what it runs, whatever was sent or rejected since. */
  applied: Schema.NullOr(At),
  /** What it refused after that, and why. */
  rejected: Schema.NullOr(Schema.Struct({ ...Of, at: Schema.Finite, reason: Schema.String })),
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
  lastSeen: Schema.Finite,
  /** Why the last session ended; "" while connected. */
  ending: Schema.String,
  node: Schema.String,
  /** The principal whose session has or had it; "": it is shared. */
  owner: Schema.String,
  health: Schema.NullOr(
    Schema.Struct({
      revision: Schema.Int,
      epoch: Schema.String,
      health: Schema.Literals(["healthy", "degraded", "unhealthy"]),
      message: Schema.String,
      metrics: Schema.Record(Schema.String, Schema.Number),
      reportedAt: Schema.Finite
    })
  ),
  /** In their order; on the first page also those further on that were rejected or can't be sent. */
  keys: Schema.Array(ClientKey),
  /** Give it as `afterKey`, with `instance`, for more keys; null when there are no more. */
  nextKey: Schema.NullOr(Schema.String),
  /** Keys that were rejected or can't be sent, of all, counted up to 1,000. */
  troubled: Schema.Int
}).annotate({ identifier: "Client" })
export type Client = typeof Client.Type
/** `next`: give it as `after` for the next page; null at the end. */
export const Clients = Schema.Struct({ clients: Schema.Array(Client), next: Schema.NullOr(Schema.String) })

export const AuditEntry = Schema.Struct({
  id: Schema.Int,
  configId: Schema.String,
  action: Schema.String,
  performedBy: Schema.String,
  details: Details,
  createdAt: Schema.Finite,
  prevHash: Schema.String,
  hash: Schema.String
}).annotate({ identifier: "AuditEntry" })
export type AuditEntry = typeof AuditEntry.Type
/** `next`: give it as `before` (or `after`) for the next page, which may be due before `limit` is reached; null where no entry was found. */
export const AuditEntries = Schema.Struct({ entries: Schema.Array(AuditEntry), next: Schema.NullOr(Schema.Int) })
export type AuditEntries = typeof AuditEntries.Type
/**
 * One page of a check. `next`: go on with this as `from`; null at the end. `ok`: everything was looked at, and nothing is wrong. `broken`: the
 * first entry that the problem is about. `checkpoints`: what was compared, with the first page and the last; null with others.
 */
export const AuditVerdict = Schema.Struct({
  ok: Schema.Boolean,
  entries: Schema.Int,
  total: Schema.Int,
  broken: Schema.NullOr(Schema.Int),
  problem: Schema.NullOr(Schema.Struct({ kind: Schema.Literals(auditProblems), message: Schema.String })),
  next: Schema.NullOr(Schema.String),
  checkpoints: Schema.NullOr(
    Schema.Struct({
      checked: Schema.Int,
      unsigned: Schema.Int,
      newest: Schema.NullOr(Schema.Struct({ entry: Schema.Int, at: Schema.Finite }))
    })
  )
}).annotate({ identifier: "AuditVerdict" })
export type AuditVerdict = typeof AuditVerdict.Type

export const ApiKey = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  role: Role,
  environments: Schema.Array(Schema.String),
  createdAt: Schema.Finite,
  createdBy: Schema.String,
  expiresAt: Schema.NullOr(Schema.Finite),
  revokedAt: Schema.NullOr(Schema.Finite)
}).annotate({ identifier: "ApiKey" })
export type ApiKey = typeof ApiKey.Type
export const ApiKeys = Schema.Struct({ keys: Schema.Array(ApiKey) })
/**
 * `name`: of the principal. `environments`: where the key works, `["*"]` everywhere. `expiresAt`: null or left out, never. `add`: a further key
 * of a principal that has one.
 */
export const ApiKeyBody = Schema.Struct({
  name: Schema.String,
  role: Role,
  environments: Schema.Array(Schema.String),
  expiresAt: Schema.optionalKey(Schema.NullOr(Time)),
  add: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "ApiKeyBody" })
/** `graceMillis`: how long the old key works on; a day when left out, at most 30 days. */
export const RotateBody = Schema.Struct({
  graceMillis: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 * 86_400_000 })))
}).annotate({ identifier: "RotateBody" })
/** The token is shown this once. */
export const NewApiKey = Schema.Struct({ token: Schema.String, key: ApiKey }).annotate({ identifier: "NewApiKey" })

/** One row of the error catalogue. */
export const ErrorRow = Schema.Struct({
  code: Schema.String,
  name: Schema.String,
  title: Schema.String,
  cause: Schema.String,
  fix: Schema.String,
  grpc: Schema.Int,
  http: Schema.Int,
  exit: Schema.Int
}).annotate({ identifier: "ErrorRow" })
