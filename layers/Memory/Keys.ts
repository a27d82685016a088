/** ApiKeyStore and AuditLog over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditLog } from "../../src/access/AuditLog.ts"
import { pageOf } from "../../src/configuration/Page.ts"
import { bytesOf } from "../../src/configuration/Value.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { checkPage, keyDigest } from "./AuditCheck.ts"
import type { State } from "./State.ts"

export const layerKeys = (state: State) =>
  Layer.effect(
    ApiKeyStore,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const note = (action: string, performedBy: string, details: Record<string, unknown>) =>
        state.append({ configId: "", action, performedBy, details, createdAt: clock.currentTimeMillisUnsafe() })
      const add = (key: ApiKey) => {
        state.keys.set(key.id, key)
        const { id, name, role, environments, expiresAt } = key
        note("key.create", key.createdBy, { id, name, role, environments, expiresAt, digest: keyDigest(key) })
      }
      const isAdmin = ({ role, environments, revokedAt, expiresAt }: ApiKey) =>
        role === "admin" &&
        environments.includes("*") &&
        revokedAt === null &&
        (expiresAt === null || expiresAt > clock.currentTimeMillisUnsafe())
      return ApiKeyStore.of({
        create: (key) => Effect.sync(() => add(key)),
        createFirstAdmin: (key) =>
          Effect.sync(() => {
            if ([...state.keys.values()].some(isAdmin)) return false
            add(key)
            return true
          }),
        find: (id) => Effect.sync(() => state.keys.get(id)),
        list: Effect.sync(() => [...state.keys.values()]),
        revoke: (id, actor) =>
          Effect.sync(() => {
            const key = state.keys.get(id)
            if (key === undefined || key.revokedAt !== null) return false
            state.keys.set(id, { ...key, revokedAt: clock.currentTimeMillisUnsafe() })
            note("key.revoke", actor, { id, name: key.name })
            return true
          })
      })
    })
  )

export const layerAudit = (state: State) =>
  Layer.succeed(AuditLog, {
    read: ({ limit, before, after, environment }) =>
      Effect.sync(() => {
        const found = state.audit.filter(
          ({ id, configId }) =>
            (before === undefined || id < before) &&
            (after === undefined || id > after) &&
            (environment === undefined || configId.startsWith(`${environment}/`))
        )
        const rows = after === undefined ? found.reverse() : found
        return pageOf(rows, limit, ({ details }) => bytesOf(JSON.stringify(details)) + 500)
      }),
    check: (from) =>
      Effect.suspend(() => {
        const page = checkPage(state, from)
        return page === undefined
          ? Effect.fail(failure("InvalidInput", "from: this is not a place that a page of the check gave"))
          : Effect.succeed(page)
      }),
    last: Effect.sync(() => state.audit.at(-1)),
    marks: (ids) => Effect.sync(() => ids.flatMap((id) => state.audit[Number(id) - 1] ?? []))
  })
