/** Writes API keys and the audit log as JSON. */

import { Schema } from "effect"
import type * as Keys from "../../../access/ApiKeyStore.ts"
import type * as Decisions from "../../../access/Decision.ts"
import { rules } from "../../../access/Decision.ts"
import { kinds, permissions, roles } from "../../../access/Identity.ts"
import { KEY_PATTERNS } from "../../../access/KeyScope.ts"
import { TOPIC_PATTERNS, topicsOf } from "../../../access/TopicRights.ts"
import type * as WhoMay from "../../../access/WhoMay.ts"
import type { ExportPage } from "../../../audit/Audit.ts"
import type { Compared } from "../../../audit/AuditCheckpoints.ts"
import type * as Log from "../../../audit/AuditEntry.ts"
import { auditProblems } from "../../../audit/AuditEntry.ts"
import type { AuditPage } from "../../../audit/AuditLog.ts"
import { type CheckpointKey, pemOf } from "../../../audit/CheckpointKey.ts"
import { guardFields } from "../approvals/Guards.ts"
import { Details, KeyPattern, PrincipalName, Scope, Stamp, stamp, stampOr, Time, TopicPattern, Whole } from "../Wire.ts"

export const Role = Schema.Literals(roles)
export const Kind = Schema.Literals(kinds)

export const AuditEntry = Schema.Struct({
  id: Whole,
  configId: Schema.String,
  action: Schema.String,
  performedBy: Schema.String,
  details: Details,
  createdAt: Schema.Finite,
  createdTime: Stamp,
  prevHash: Schema.String,
  hash: Schema.String
}).annotate({ identifier: "AuditEntry" })
export type AuditEntry = typeof AuditEntry.Type
/** `next`: give it as `before` (or `after`) for the next page, which may be due before `limit` is reached; null where no entry was found. */
export const AuditEntries = Schema.Struct({ entries: Schema.Array(AuditEntry), next: Schema.NullOr(Whole) })
export type AuditEntries = typeof AuditEntries.Type
/**
 * One page of a check. `next`: go on with this as `from`; null at the end. `ok`: everything was looked at, and nothing is wrong. `broken`: the
 * first entry that the problem is about. `checkpoints`: what was compared, with the first page and the last; null with others.
 */
export const AuditVerdict = Schema.Struct({
  ok: Schema.Boolean,
  entries: Whole,
  total: Whole,
  broken: Schema.NullOr(Whole),
  problem: Schema.NullOr(Schema.Struct({ kind: Schema.Literals(auditProblems), message: Schema.String })),
  next: Schema.NullOr(Schema.String),
  checkpoints: Schema.NullOr(
    Schema.Struct({
      checked: Whole,
      unsigned: Whole,
      newest: Schema.NullOr(Schema.Struct({ entry: Whole, at: Schema.Finite, time: Stamp }))
    })
  )
}).annotate({ identifier: "AuditVerdict" })
export type AuditVerdict = typeof AuditVerdict.Type

/** A line of the file: a public key, an entry as it was hashed, or a checkpoint of the entry before it. docs/security.md, Audit */
export const AuditLine = Schema.Union([
  Schema.Struct({ type: Schema.Literal("key"), id: Schema.String, publicKey: Schema.String }),
  Schema.Struct({
    type: Schema.Literal("entry"),
    id: Whole,
    configId: Schema.String,
    action: Schema.String,
    performedBy: Schema.String,
    details: Schema.String,
    createdMillis: Whole,
    prevHash: Schema.String,
    hash: Schema.String
  }),
  Schema.Struct({ type: Schema.Literal("checkpoint"), line: Schema.String })
]).annotate({ identifier: "AuditLine" })
/** `next`: give it as `after` for the next page; null at the end. `last`: the newest entry. `unsigned`: why the end is not signed; null where it is. */
export const AuditExport = Schema.Struct({
  lines: Schema.Array(AuditLine),
  next: Schema.NullOr(Whole),
  last: Whole,
  unsigned: Schema.NullOr(Schema.String)
}).annotate({ identifier: "AuditExport" })
export type AuditExport = typeof AuditExport.Type
/** `id`: the first 16 hex digits of the SHA-256 of the key's DER. `pem`: SPKI. `at`: since when it is known. */
export const AuditKey = Schema.Struct({
  id: Schema.String,
  algorithm: Schema.Literal("ed25519"),
  pem: Schema.String,
  at: Schema.Finite,
  time: Stamp
}).annotate({ identifier: "AuditKey" })
export type AuditKey = typeof AuditKey.Type
/** `current`: of the node that answers. `keys`: of all nodes, and those that were changed since; the oldest first. */
export const AuditKeys = Schema.Struct({ current: AuditKey, keys: Schema.Array(AuditKey) })
export type AuditKeys = typeof AuditKeys.Type

export const ApiKey = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  role: Role,
  environments: Schema.Array(Schema.String),
  topics: Schema.optionalKey(Schema.Array(Schema.String)),
  keys: Schema.optionalKey(Schema.Array(Schema.String)),
  kinds: Schema.optionalKey(Schema.Array(Kind)),
  createdAt: Schema.Finite,
  createdTime: Stamp,
  createdBy: Schema.String,
  expiresAt: Schema.NullOr(Schema.Finite),
  expiresTime: Schema.NullOr(Stamp),
  revokedAt: Schema.NullOr(Schema.Finite),
  revokedTime: Schema.NullOr(Stamp)
}).annotate({ identifier: "ApiKey" })
export type ApiKey = typeof ApiKey.Type
export const ApiKeys = Schema.Struct({ keys: Schema.Array(ApiKey) })
/**
 * `name`: of the principal. `environments`: where the key works, `["*"]` everywhere. `topics`: names, `orders/*` or `*`; left out: all if it works everywhere with all keys, else none. `keys`, `kinds`: which keys it may touch: names, `payments.*` or `*`; left out: all. `expiresAt`: null or left out, never. `add`: a further key
 * of a principal that has one.
 */
export const ApiKeyBody = Schema.Struct({
  name: PrincipalName,
  role: Role,
  environments: Schema.Array(Scope).check(Schema.isMinLength(1), Schema.isMaxLength(100)),
  topics: Schema.optionalKey(Schema.Array(TopicPattern).check(Schema.isMaxLength(TOPIC_PATTERNS))),
  keys: Schema.optionalKey(Schema.Array(KeyPattern).check(Schema.isMinLength(1), Schema.isMaxLength(KEY_PATTERNS))),
  kinds: Schema.optionalKey(Schema.Array(Kind).check(Schema.isMinLength(1), Schema.isUnique())),
  expiresAt: Schema.optionalKey(Schema.NullOr(Time)),
  add: Schema.optionalKey(Schema.Boolean)
}).annotate({
  identifier: "ApiKeyBody",
  examples: [
    { name: "ci-deployer", role: "publisher", environments: ["production"] },
    {
      name: "payments",
      role: "publisher",
      environments: ["production"],
      keys: ["payments.*"],
      kinds: ["config", "flag"]
    }
  ]
})
/** `graceMillis`: how long the old key goes on to work; a day when left out, at most 30 days. */
export const RotateBody = Schema.Struct({
  graceMillis: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 * 86_400_000 })))
}).annotate({ identifier: "RotateBody", examples: [{ graceMillis: 3_600_000 }] })
/** The token is shown this once. */
export const NewApiKey = Schema.Struct({ token: Schema.String, key: ApiKey }).annotate({ identifier: "NewApiKey" })

export const Permission = Schema.Literals(permissions)
const Rule = Schema.Literals(rules)

const rights = {
  role: Role,
  environments: Schema.Array(Schema.String),
  topics: Schema.Array(Schema.String),
  keys: Schema.Array(Schema.String),
  kinds: Schema.Array(Kind)
}
/**
 * `keys`, `kinds`: `["*"]` and all where nothing narrows them. `by`: what was shown. `until`: when that ends; null: as its API key says. `called`: what the
 * issuer calls them beside; names nobody. `notes`: which rules were passed over, and why.
 */
export const Self = Schema.Struct({
  name: Schema.String,
  keyId: Schema.String,
  by: Schema.Literals(["key", "token", "jwt", "certificate"]),
  ...rights,
  permissions: Schema.Array(Permission),
  called: Schema.NullOr(Schema.String),
  notes: Schema.Array(Schema.String),
  until: Schema.NullOr(Schema.Finite),
  untilTime: Schema.NullOr(Stamp)
}).annotate({ identifier: "Self" })
export type Self = typeof Self.Type
/** `rule`: what decided. `why`: what is had and what is needed; null where it may. */
const answered = { may: Schema.Boolean, rule: Rule, why: Schema.NullOr(Schema.String) }
/** `protections`: it may, with a second person. */
export const Answered = Schema.Struct({ ...answered, ...guardFields }).annotate({ identifier: "Answered" })
export type Answered = typeof Answered.Type
export const Grant = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  ...rights,
  expiresAt: Schema.NullOr(Schema.Finite),
  expiresTime: Schema.NullOr(Stamp),
  answer: Schema.NullOr(Answered)
}).annotate({ identifier: "Grant" })
export const Grants = Schema.Struct({ grants: Schema.Array(Grant) })
export type Grants = typeof Grants.Type

const rightsOf = ({ role, environments, keys = ["*"], kinds: its = kinds, ...rest }: Decisions.Grant) => ({
  ...{ role, environments, keys, kinds: its },
  topics: topicsOf({ environments, ...rest, ...(its === kinds ? {} : { kinds: its }), keys })
})

export const self = ({ identity, permissions }: WhoMay.Self): Self => ({
  name: identity.name,
  keyId: identity.keyId,
  by: identity.by ?? "key",
  ...rightsOf(identity),
  permissions,
  called: identity.shown ?? null,
  notes: identity.notes ?? [],
  until: identity.until ?? null,
  untilTime: stampOr(identity.until ?? null)
})

export const decided = (decision: Decisions.Decision): Answered => ({
  may: decision.may,
  rule: decision.rule,
  why: decision.may ? null : decision.why
})

export const grants = (holders: ReadonlyArray<WhoMay.Holder>): Grants => ({
  grants: holders.map(({ key, decision }) => ({
    id: key.id,
    name: key.name,
    ...rightsOf(key),
    expiresAt: key.expiresAt,
    expiresTime: stampOr(key.expiresAt),
    answer: decision === undefined ? null : decided(decision)
  }))
})

export const auditEntry = (entry: Log.AuditEntry): AuditEntry => ({
  ...entry,
  id: Number(entry.id),
  createdTime: stamp(entry.createdAt)
})

export const verdict = ({
  entries,
  total,
  problem,
  next,
  compared
}: AuditPage & { readonly compared: Compared | undefined }): AuditVerdict => ({
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
          newest:
            compared.newest === undefined
              ? null
              : { entry: Number(compared.newest.id), at: compared.newest.at, time: stamp(compared.newest.at) }
        }
})

export const exported = ({ lines, next, last, problem }: ExportPage): AuditExport => ({
  lines,
  next: next === undefined ? null : Number(next),
  last: Number(last),
  unsigned: problem?.message ?? null
})

const auditKey = (key: CheckpointKey): AuditKey => ({
  id: key.id,
  algorithm: "ed25519",
  pem: pemOf(key),
  at: key.at,
  time: stamp(key.at)
})

export const auditKeys = (found: {
  readonly current: CheckpointKey
  readonly keys: ReadonlyArray<CheckpointKey>
}): AuditKeys => ({ current: auditKey(found.current), keys: found.keys.map(auditKey) })

/** Without the hash. */
export const apiKey = ({ hash: _, ...key }: Keys.ApiKey): ApiKey => ({
  ...key,
  createdTime: stamp(key.createdAt),
  expiresTime: stampOr(key.expiresAt),
  revokedTime: stampOr(key.revokedAt)
})
