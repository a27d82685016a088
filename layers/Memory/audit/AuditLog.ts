/** AuditLog over a `State`. */
import { Effect, Layer } from "effect"
import { inKeyScope } from "../../../src/access/KeyScope.ts"
import { AuditLog } from "../../../src/audit/AuditLog.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { bytesOf } from "../../../src/values/Value.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { State } from "../State.ts"
import { checkPage } from "./AuditCheck.ts"

export const layer = Layer.effect(
  AuditLog,
  Effect.map(State.service, (state) =>
    AuditLog.of({
      read: ({ limit, before, after, environment, scope }) =>
        Effect.sync(() => {
          const found = state
            .tables(AccessTables)
            .audit.filter(
              ({ id, configId }) =>
                (before === undefined || id < before) &&
                (after === undefined || id > after) &&
                (environment === undefined ||
                  (configId.startsWith(`${environment}/`) && inKeyScope(scope, configId.slice(environment.length + 1))))
            )
          const rows = after === undefined ? found.reverse() : found
          return pageOf(rows, limit, ({ details }) => bytesOf(JSON.stringify(details)) + 500)
        }),
      hashed: ({ after, upTo, limit }) =>
        Effect.sync(() => {
          const rows = state
            .tables(AccessTables)
            .audit.filter(({ id }) => id > after && (upTo === undefined || id <= upTo))
            .map((entry) => ({ ...entry, details: JSON.stringify(entry.details) }))
          return pageOf(rows, limit, ({ details }) => bytesOf(details) + 500)
        }),
      check: (from) =>
        Effect.suspend(() => {
          const page = checkPage(state, from)
          return page === undefined
            ? Effect.fail(failure("InvalidInput", "from: this is not a place that a page of the check gave"))
            : Effect.succeed(page)
        }),
      last: Effect.sync(() => state.tables(AccessTables).audit.at(-1)),
      marks: (ids) => Effect.sync(() => ids.flatMap((id) => state.tables(AccessTables).audit[Number(id) - 1] ?? []))
    })
  )
)
