/** Writes what goes to `herald_commit` and `herald_publish`, and reads what comes back. Pure. */
import { Effect } from "effect"
import { Conflict, Overtaken } from "../../../src/commits/Conflict.ts"
import type { Committed, Release, Wish } from "../../../src/commits/Release.ts"
import { Requested } from "../../../src/commits/Requesting.ts"
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import type { Basis, ConfigurationWish, Kept } from "../../../src/configuration/Wish.ts"
import type { ErrorName } from "../../../src/errors/Catalogue.ts"
import { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { KindsShape } from "../../../src/propagation/Kind.ts"
import { type Position, sameEpoch } from "../../../src/propagation/Position.ts"
import type { Change } from "../../../src/propagation/Revision.ts"
import { asRevision, type RevisionRow } from "../propagation/Rows.ts"

export interface Replayed {
  readonly ok: true
  readonly replayed: true
  readonly row: RevisionRow
}

interface Numbered {
  readonly version: number
  readonly createdAt: number
}

export type CommitAnswer =
  | {
      readonly ok: true
      readonly replayed: false
      readonly revision: string
      readonly epoch: string
      readonly committedAt: number
      /** By change: of a configuration what only the database knows, of any other kind the change as it is now. */
      readonly versions: ReadonlyArray<Numbered | { readonly change: object }>
    }
  | Replayed
  | {
      readonly ok: false
      readonly name: ErrorName
      readonly message: string
      readonly details: Record<string, unknown>
    }

/** Of `herald_publish`, for each release in order. */
export interface PublishAnswer {
  readonly epoch: string
  /** The revision before the first of these. */
  readonly before: string
  readonly commits: ReadonlyArray<readonly [committedAt: number, version: number, createdAt: number]>
}

export const answersOf = ({ epoch, before, commits }: PublishAnswer): ReadonlyArray<CommitAnswer> => {
  const first = BigInt(before) + 1n
  return commits.map(([committedAt, version, createdAt], n) => {
    const revision = String(first + BigInt(n))
    return { ok: true, replayed: false, revision, epoch, committedAt, versions: [{ version, createdAt }] }
  })
}

interface Asked {
  readonly known: Position | undefined
  readonly lost: boolean
}

const ANYWHERE = { epoch: "", revision: "0" }

/**
 * The position after which a release of this batch may have been committed already; null when no answer was lost. Where it is of another
 * history, the database looks back as far as it can.
 */
export const sinceOf = (batch: ReadonlyArray<Asked>): { readonly epoch: string; readonly revision: string } | null => {
  let lowest: Position | undefined
  for (const { known, lost } of batch) {
    if (!lost) continue
    if (known === undefined || (lowest !== undefined && !sameEpoch(known, lowest))) return ANYWHERE
    if (lowest === undefined || known.revision < lowest.revision) lowest = known
  }
  return lowest === undefined ? null : { epoch: lowest.epoch, revision: String(lowest.revision) }
}

/** A release as JSON, without its opening brace. A publisher's idempotency key gets a "=" in front, one that was made here a "~". */
export const encode = (release: Release, made: string): string => {
  const { action, actor, keyId, message, traceparent, idempotency, basis, changes } = release
  return JSON.stringify({
    action,
    actor,
    keyId,
    owner: idempotency?.owner,
    message,
    traceparent,
    commitId: idempotency === undefined ? `~${made}` : `=${idempotency.key}`,
    digest: idempotency?.digest ?? "",
    basis: basis && stated(basis as Basis),
    changes: changes.every(isConfiguration) ? changes : changes.map(plain)
  }).slice(1)
}

/** JSON has no 64-bit integers. */
const plain = (wish: Wish): object =>
  isConfiguration(wish)
    ? wish
    : Object.fromEntries(Object.entries(wish).map(([name, of]) => [name, typeof of === "bigint" ? String(of) : of]))

/**
 * The same for `herald_publish`; undefined for what it can't commit: more than one change, none of a value or of another kind, what was checked
 * against more than what it changes, and what may have been committed before.
 */
export const encodePlain = (release: Release, made: string): string | undefined => {
  const { action, actor, keyId, message, traceparent, idempotency, basis, changes } = release
  const [change] = changes
  if (change === undefined || changes.length > 1 || !isConfiguration(change)) return undefined
  if (idempotency !== undefined || basis !== undefined || change.value === null || change.expectedVersion === 0)
    return undefined
  if (change.candidate !== undefined) return undefined
  const { key, environment, value, valueType, schema, strict, template, digest, changeLog, expectedVersion, kept } =
    change
  const fields = kept?.live === true ? kept.fields : NO_FIELDS
  // As one literal: each of these is made for every publish.
  return JSON.stringify({
    action,
    actor,
    keyId,
    message,
    traceparent,
    commitId: `~${made}`,
    key,
    environment,
    value,
    valueType,
    schema,
    strict,
    template,
    digest,
    changeLog,
    expectedVersion,
    live: kept?.live,
    keepsSchema: fields.includes("schema"),
    keepsStrict: fields.includes("strict"),
    keepsType: fields.includes("type")
  }).slice(1)
}

const NO_FIELDS: Kept["fields"] = []

/** What a release was checked against: positions of configurations as SQL reads them, and all of other kinds as it is. */
const stated = ({ templates, ...rest }: Basis) => ({
  ...rest,
  templates: templates?.map(({ environment, position: { epoch, revision } }) => ({
    environment,
    epoch,
    revision: String(revision)
  }))
})

const isConfiguration = (wish: Wish): wish is ConfigurationWish => wish.kind === "configuration"

export const resultOf = (
  kinds: KindsShape,
  release: Release,
  answer: CommitAnswer
): Effect.Effect<Committed, HeraldError> => {
  if (!answer.ok) {
    const { name, message, details } = answer
    if (name === "ChangeWaits")
      return Effect.fail(new Requested({ key: String(details["change"]), environment: String(details["environment"]) }))
    const Refusal = name !== "VersionConflict" ? HeraldError : details["changed"] === undefined ? Conflict : Overtaken
    return Effect.fail(new Refusal({ name, message, details }))
  }
  if (answer.replayed) {
    const revision = asRevision(kinds, answer.row)
    return Effect.succeed({ revision, replayed: release.idempotency !== undefined })
  }
  const { epoch, committedAt, versions } = answer
  const { actor, message, traceparent } = release
  const revision = BigInt(answer.revision)
  const changes = release.changes.map((wish, index): Change => {
    const now = versions[index]!
    return isConfiguration(wish)
      ? asWritten(wish, now as Numbered, revision, committedAt, actor)
      : kinds.fromLog((now as { readonly change: object }).change)
  })
  return Effect.succeed({
    revision: { epoch, revision, changes, traceparent, actor, message, committedAt },
    replayed: false
  })
}

const asWritten = (
  { expectedVersion: _, kept: __, makes: ___, candidate: ____, value, ...wish }: ConfigurationWish,
  { version, createdAt }: Numbered,
  revision: bigint,
  updatedAt: number,
  updatedBy: string
): Configuration => ({
  ...wish,
  kind: "configuration",
  version,
  revision,
  value: value ?? "",
  deleted: value === null,
  createdAt,
  updatedAt,
  updatedBy
})
