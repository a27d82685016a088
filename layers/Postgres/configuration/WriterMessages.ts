/** What the writer sends to `herald_commit`, and what comes back. Pure. */
import { Effect } from "effect"
import type { Release } from "../../../src/configuration/Change.ts"
import { type Committed, Overtaken } from "../../../src/configuration/ConfigurationStore.ts"
import type { ErrorName } from "../../../src/errors/Catalogue.ts"
import { HeraldError } from "../../../src/errors/HeraldError.ts"
import { type Position, sameEpoch } from "../../../src/propagation/Position.ts"
import { asRevision, type RevisionRow } from "./Rows.ts"

export interface Replayed {
  readonly ok: true
  readonly replayed: true
  readonly row: RevisionRow
}

export type Answer =
  | {
      readonly ok: true
      readonly replayed: false
      readonly revision: string
      readonly epoch: string
      readonly committedAt: number
      readonly versions: ReadonlyArray<{ readonly version: number; readonly createdAt: number }>
    }
  | Replayed
  | {
      readonly ok: false
      readonly name: ErrorName
      readonly message: string
      readonly details: Record<string, unknown>
    }

interface Asked {
  readonly known: Position | undefined
  readonly lost: boolean
}

const ANYWHERE = { epoch: "", revision: "0" }

/**
 * The position behind which a release of this batch may have been committed already; null when no answer was lost. Of another history
 * than the database's, it means as far back as the database looks.
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

/** Without the brace that opens it. A key of the publisher's begins with "=", the one that was made for it with "~". */
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
    basis:
      basis === undefined
        ? undefined
        : {
            values: basis.values,
            templates: basis.templates.map(({ environment, position: { epoch, revision } }) => ({
              environment,
              epoch,
              revision: String(revision)
            }))
          },
    changes
  }).slice(1)
}

export const resultOf = (release: Release, answer: Answer): Effect.Effect<Committed, HeraldError> => {
  if (!answer.ok) {
    const { name, message, details } = answer
    const overtaken = name === "VersionConflict" && details["changed"] !== undefined
    return Effect.fail(new (overtaken ? Overtaken : HeraldError)({ name, message, details }))
  }
  if (answer.replayed) {
    const revision = asRevision(answer.row)
    return Effect.succeed({ revision, replayed: release.idempotency !== undefined })
  }
  const { epoch, committedAt, versions } = answer
  const { actor, message, traceparent } = release
  const revision = BigInt(answer.revision)
  const changes = release.changes.map(({ expectedVersion: _, kept: __, value, ...change }, index) => ({
    ...change,
    version: versions[index]!.version,
    revision,
    value: value ?? "",
    deleted: value === null,
    createdAt: versions[index]!.createdAt,
    updatedAt: committedAt,
    updatedBy: actor
  }))
  return Effect.succeed({
    revision: { epoch, revision, changes, traceparent, actor, message, committedAt },
    replayed: false
  })
}
