/** Protections and change requests as JSON. */
import { Schema } from "effect"
import { kinds } from "../../../access/Identity.ts"
import * as Model from "../../../approvals/ChangeRequest.ts"
import type { Held } from "../../../approvals/Held.ts"
import { listedIn } from "../../../approvals/ListedIds.ts"
import type * as Protections from "../../../approvals/Protection.ts"
import { approverRoles, LEAST_LASTS, LONGEST_LASTS, MOST_APPROVALS, PATTERNS } from "../../../approvals/Protection.ts"
import { askedBy } from "../../../approvals/Shown.ts"
import type { Committed } from "../../../commits/Release.ts"
import { Environment, Message, Stamp, stamp, stampOr, Whole } from "../Wire.ts"

/** What the document says and `Wanted.ts` holds, which tells what is wrong in its own words. */
const shown = <A = string>(json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<A>(() => undefined, { toJsonSchema: () => json })

export const ProtectionName = Schema.String.check(
  shown({ minLength: 1, maxLength: 100, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" })
).annotate({ examples: ["payments"] })
/** Given by the server when it is asked for. */
export const ChangeId = Schema.String.check(shown({ minLength: 2, maxLength: 19, pattern: "^c[0-9]{1,18}$" })).annotate(
  {
    examples: ["c1042"]
  }
)
/** Where a page of ids begins: the `next` of the one before. */
export const IdsPlace = Schema.String.check(
  shown({ minLength: 3, maxLength: 11, pattern: "^[0-9]{1,3}\\.[0-9]{1,7}$" })
).annotate({ examples: ["12.40"] })
export const InEnvironment = { environment: Environment }
const Digest = Schema.String.check(shown({ pattern: "^[0-9a-f]{64}$" }))

/** Left out: every kind; publishers and admins may approve; a request waits for seven days. */
export const ProtectionBody = Schema.Struct({
  keys: Schema.Array(Schema.String).check(shown({ minItems: 1, maxItems: PATTERNS })),
  kinds: Schema.optionalKey(Schema.Array(Schema.Literals(kinds)).check(shown({ minItems: 1 }))),
  approvals: Schema.Int.check(shown({ minimum: 1, maximum: MOST_APPROVALS })),
  roles: Schema.optionalKey(Schema.Array(Schema.Literals(approverRoles)).check(shown({ minItems: 1 }))),
  waitsMillis: Schema.optionalKey(Schema.Int.check(shown({ minimum: LEAST_LASTS, maximum: LONGEST_LASTS }))),
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "ProtectionBody", examples: [{ keys: ["payments.*"], approvals: 1 }] })

export const Protection = Schema.Struct({
  name: Schema.String,
  environment: Schema.String,
  version: Whole,
  revision: Whole,
  keys: Schema.Array(Schema.String),
  kinds: Schema.NullOr(Schema.Array(Schema.String)),
  approvals: Whole,
  roles: Schema.Array(Schema.String),
  waitsMillis: Whole,
  updatedAt: Schema.Finite,
  updatedTime: Stamp,
  updatedBy: Schema.String,
  message: Schema.String
}).annotate({ identifier: "Protection" })
export type Protection = typeof Protection.Type
/** `next`: give it as `after` for the next page; null at the end. */
export const ProtectionList = Schema.Struct({
  protections: Schema.Array(Protection),
  next: Schema.NullOr(Schema.String)
}).annotate({
  identifier: "ProtectionList"
})
export type ProtectionList = typeof ProtectionList.Type

export const protection = (found: Protections.Protection): Protection => ({
  name: found.key,
  environment: found.environment,
  version: found.version,
  revision: Number(found.revision),
  keys: found.patterns,
  kinds: found.kinds,
  approvals: found.approvals,
  roles: found.roles,
  waitsMillis: found.lasts,
  updatedAt: found.updatedAt,
  updatedTime: stamp(found.updatedAt),
  updatedBy: found.updatedBy,
  message: found.message
})

const Touch = Schema.Struct({ kind: Schema.String, key: Schema.String })
const Approval = Schema.Struct({ by: Schema.String, at: Schema.Finite, time: Stamp })

export const Change = Schema.Struct({
  id: Schema.String,
  environment: Schema.String,
  state: Schema.Literals(Model.states),
  author: Schema.String,
  action: Schema.String,
  touches: Schema.Array(Touch),
  digest: Schema.String,
  bytes: Whole,
  needed: Whole,
  approvals: Schema.Array(Approval),
  madeAt: Schema.Finite,
  madeTime: Stamp,
  expiresAt: Schema.NullOr(Schema.Finite),
  expiresTime: Schema.NullOr(Stamp),
  message: Schema.String,
  revision: Whole,
  endedAt: Schema.NullOr(Schema.Finite),
  endedTime: Schema.NullOr(Stamp),
  endedBy: Schema.String,
  reason: Schema.String,
  appliedRevision: Schema.NullOr(Whole)
}).annotate({ identifier: "Change" })
export type Change = typeof Change.Type

const NullableText = Schema.NullOr(Schema.String)
/**
 * `before` null: it was not there; `after` null: it is deleted. Of what is no text with versions they are JSON. `settings`: what else the change says, as
 * JSON, such as its type, schema and strictness.
 */
const Difference = Schema.Struct({
  kind: Schema.String,
  key: Schema.String,
  before: NullableText,
  after: NullableText,
  settings: Schema.Array(Schema.Struct({ name: Schema.String, before: NullableText, after: NullableText }))
})
/**
 * All that the digest is of; of a review, `changes` are what was done. `lists`: segments whose ids are kept beside them; `standsOn`: what the changes stand
 * on, where it was; `basis`: JSON of what else they were checked against.
 */
export const WholeChange = Schema.Struct({
  ...Change.fields,
  changes: Schema.Array(Difference),
  lists: Schema.Array(Schema.String),
  standsOn: Schema.Array(Schema.Struct({ kind: Schema.String, key: Schema.String, revision: Whole })),
  epoch: Schema.String,
  basis: NullableText
}).annotate({
  identifier: "WholeChange"
})
export type WholeChange = typeof WholeChange.Type

/** `next`: give it as `before` for the next page; null at the end. */
export const ChangeList = Schema.Struct({ changes: Schema.Array(Change), next: Schema.NullOr(Schema.String) }).annotate(
  { identifier: "ChangeList" }
)
export type ChangeList = typeof ChangeList.Type

/** `added`, `removed`: how many of the whole segment, with the first page. `next`: give it as `after` for the next page; null at the end. */
export const ChangeIds = Schema.Struct({
  added: Schema.optionalKey(Whole),
  removed: Schema.optionalKey(Whole),
  ids: Schema.Array(Schema.String),
  next: NullableText
}).annotate({ identifier: "ChangeIds" })
export type ChangeIds = typeof ChangeIds.Type

/** The digest that was seen. */
export const ApproveBody = Schema.Struct({ digest: Digest }).annotate({ identifier: "ApproveBody" })
export const ReasonBody = Schema.Struct({ reason: Message }).annotate({ identifier: "ReasonBody" })

export const Applied = Schema.Struct({
  id: Schema.String,
  environment: Schema.String,
  revision: Whole,
  epoch: Schema.String,
  replayed: Schema.Boolean,
  changes: Schema.Array(Touch)
}).annotate({ identifier: "AppliedChange" })
export type Applied = typeof Applied.Type

export const change = (found: Model.ChangeRequest): Change => ({
  id: found.key,
  environment: found.environment,
  state: found.state,
  author: found.author,
  action: found.action,
  touches: found.touches,
  digest: found.digest,
  bytes: found.bytes,
  needed: found.needed,
  approvals: found.approvals.map(({ by, at }) => ({ by, at, time: stamp(at) })),
  madeAt: found.madeAt,
  madeTime: stamp(found.madeAt),
  expiresAt: found.expiresAt,
  expiresTime: stampOr(found.expiresAt),
  message: found.message,
  revision: Number(found.revision),
  endedAt: found.endedAt,
  endedTime: stampOr(found.endedAt),
  endedBy: found.endedBy,
  reason: found.reason,
  appliedRevision: found.applied === null ? null : Number(found.applied)
})

export const whole = (held: Held): WholeChange => {
  const { epoch, changes, standsOn, basis } = askedBy(held)
  return {
    ...change(held.request),
    changes,
    lists: listedIn(held).map(({ key }) => key),
    standsOn: standsOn.map(({ kind, key, revision }) => ({ kind, key, revision: Number(revision) })),
    epoch,
    basis
  }
}

export const applied = (
  { revision: { revision, epoch, changes }, replayed }: Committed,
  id: string,
  environment: string
): Applied => ({
  id,
  environment,
  revision: Number(revision),
  epoch,
  replayed,
  changes: changes.flatMap(({ kind, key }) => (kind === "approval" ? [] : [{ kind, key }]))
})
