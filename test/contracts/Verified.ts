/** A check of the whole audit log, page by page, as the command line does it. */
import { Effect } from "effect"
import { AuditLog, type AuditPage } from "../../src/audit/AuditLog.ts"

export const verified = Effect.gen(function* () {
  const log = yield* AuditLog
  let page: AuditPage = yield* log.check(undefined)
  let pages = 1
  for (; page.next !== undefined; pages++) page = yield* log.check(page.next)
  return {
    entries: page.entries,
    total: page.total,
    broken: page.problem?.entry,
    kind: page.problem?.kind,
    problem: page.problem,
    pages
  }
})
