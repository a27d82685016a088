/** The group `operations`: releases, clients, audit. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { readAudit, verifyAudit } from "../../access/Audit.ts"
import { AuditCheckpoints } from "../../access/AuditCheckpoints.ts"
import { AuditLog } from "../../access/AuditLog.ts"
import { failure } from "../../errors/HeraldError.ts"
import { Clients } from "../../fleet/Clients.ts"
import * as Answers from "./Answers.ts"
import { Api } from "./Api.ts"
import { answer } from "./Problem.ts"
import { checkEnvironment } from "./Target.ts"
import type * as Wire from "./Wire.ts"
import { makeWrites } from "./Writes.ts"

const PAGE = 100

export const OperationsRoutes = HttpApiBuilder.group(
  Api,
  "operations",
  Effect.fnUntraced(function* (handlers) {
    const clients = yield* Clients
    const log = yield* AuditLog
    const checkpoints = yield* AuditCheckpoints
    const writes = yield* makeWrites

    const listClients = Effect.fnUntraced(function* (query: {
      readonly environment?: string
      readonly service?: string
      readonly instance?: string
      readonly after?: string
      readonly limit?: number
      readonly keys?: number
      readonly afterKey?: string
    }) {
      if (query.environment !== undefined) yield* checkEnvironment(query.environment)
      const after = query.after === undefined ? undefined : Answers.cursorOf(query.after)
      if (after === undefined && query.after !== undefined)
        return yield* failure("InvalidInput", "after is not the `next` of a page of clients")
      if (query.afterKey !== undefined && query.instance === undefined)
        return yield* failure("InvalidInput", "afterKey goes through the keys of one instance: say which")
      const found = yield* clients.list({ ...query, after, limit: query.limit ?? 1_000 })
      return Answers.json({
        clients: found.clients.map(Answers.client),
        next: found.next === undefined ? null : Answers.cursor(found.next)
      })
    })

    const audit = Effect.fnUntraced(
      function* (query: {
        readonly environment?: string
        readonly limit?: number
        readonly before?: number
        readonly after?: number
      }) {
        const { environment, before, after, limit = PAGE } = query
        const entries = yield* readAudit({
          limit,
          ...(environment === undefined ? {} : { environment: yield* checkEnvironment(environment) }),
          ...(before === undefined ? {} : { before: BigInt(before) }),
          ...(after === undefined ? {} : { after: BigInt(after) })
        })
        const last = entries.at(-1)
        const next = last === undefined ? null : Number(last.id)
        return Answers.json({ entries: entries.map(Answers.auditEntry), next } satisfies Wire.AuditEntries)
      },
      Effect.provideService(AuditLog, log)
    )

    const verify = Effect.fnUntraced(
      function* (query: { readonly from?: string; readonly checkpoint?: string }) {
        return Answers.json(Answers.verdict(yield* verifyAudit(query)))
      },
      Effect.provideService(AuditLog, log),
      Effect.provideService(AuditCheckpoints, checkpoints)
    )

    return handlers
      .handleRaw("release", ({ request, query, headers }) =>
        answer(writes.release(request, query.dryRun === true, headers))
      )
      .handle("clients", ({ query }) => answer(listClients(query)))
      .handle("audit", ({ query }) => answer(audit(query)))
      .handle("auditVerify", ({ query }) => answer(verify(query)))
  })
)
