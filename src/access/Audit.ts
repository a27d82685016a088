/** Use cases on the audit log. Both need audit.read; entries without an environment need it everywhere. */
import { Effect } from "effect"
import { requirePermission } from "./Access.ts"
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

export const verifyAudit = Effect.gen(function* () {
  yield* requirePermission("audit.read", undefined)
  const log = yield* AuditLog
  return yield* log.verify
}).pipe(Effect.withSpan("Audit.verify"))
