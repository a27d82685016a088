/**
 * Use cases on the audit log. Both require audit.read, for entries without an environment in all environments. Fail `Unauthenticated`,
 * `Forbidden`, `InvalidInput`, and as `AuditLog`.
 */
import { Effect } from "effect"
import { failure } from "../errors/HeraldError.ts"
import { requirePermission } from "./Access.ts"
import { AuditCheckpoints } from "./AuditCheckpoints.ts"
import { AuditLog } from "./AuditLog.ts"

export const readAudit = Effect.fn("Audit.read")(function* (options: {
  readonly limit: number
  readonly before?: bigint
  readonly after?: bigint
  readonly environment?: string
}) {
  yield* requirePermission("audit.read", options.environment)
  const log = yield* AuditLog
  return yield* log.read(options)
})

const notSigned =
  "checkpoint: this is no whole line that a node with this pepper signed: herald-audit-1, entry, hash, time and signature, with one space between"

/** Checks one page. Compares the checkpoints with the first and the last page, and with each for which the caller brings one. */
export const verifyAudit = Effect.fn("Audit.verify")(function* (options: {
  readonly from?: string
  readonly checkpoint?: string
}) {
  yield* requirePermission("audit.read", undefined)
  const log = yield* AuditLog
  const checkpoints = yield* AuditCheckpoints
  if (options.checkpoint !== undefined && !checkpoints.signed(options.checkpoint)) {
    return yield* failure("InvalidInput", notSigned) // AC1
  }
  const page = yield* log.check(options.from)
  const given = options.checkpoint === undefined ? [] : [options.checkpoint]
  const compared =
    options.from === undefined || page.next === undefined || given.length > 0
      ? yield* checkpoints.compare(given)
      : undefined
  const problem = page.problem ?? compared?.problem
  return { ...page, problem, next: problem === undefined ? page.next : undefined, compared }
})
