/** ApiKeyStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { type ApiKey, ApiKeyStore } from "../../../src/access/ApiKeyStore.ts"
import { ofEveryKey } from "../../../src/access/KeyScope.ts"
import { actingKey, folded, principalExists } from "../../../src/access/Principal.ts"
import { keyDigest } from "../audit/AuditCheck.ts"
import { State } from "../State.ts"
import { AccessTables } from "./AccessTables.ts"

export const layer = Layer.effect(
  ApiKeyStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const access = (yield* State.service).tables(AccessTables)
    const note = (action: string, performedBy: string, details: Record<string, unknown>) =>
      access.append({ configId: "", action, performedBy, details, createdAt: clock.currentTimeMillisUnsafe() })
    const add = (key: ApiKey, by?: string) => {
      access.keys.set(key.id, key)
      access.principals.set(folded(key.name), access.principals.get(folded(key.name)) ?? key.name)
      const { id, name, role, environments, topics, keys, kinds, expiresAt } = key
      note("key.create", key.createdBy, {
        id,
        name,
        role,
        environments,
        ...(topics === undefined ? {} : { topics }),
        ...(keys === undefined ? {} : { keys }),
        ...(kinds === undefined ? {} : { kinds }),
        expiresAt,
        digest: keyDigest(key),
        ...actingKey(by)
      })
    }
    const isGood = ({ revokedAt, expiresAt }: ApiKey) =>
      revokedAt === null && (expiresAt === null || expiresAt > clock.currentTimeMillisUnsafe())
    const isAdmin = (key: ApiKey) =>
      key.role === "admin" && key.environments.includes("*") && ofEveryKey(key) && isGood(key)
    return ApiKeyStore.of({
      create: (key, { alone = false, by } = {}) =>
        Effect.suspend(() => {
          const known = access.principals.get(folded(key.name))
          const taken = alone && [...access.keys.values()].some((one) => one.name === known && isGood(one))
          if (known !== undefined && (known !== key.name || taken)) return Effect.fail(principalExists(known))
          return Effect.sync(() => add(key, by))
        }),
      rotate: (id, successor, { until, by }) =>
        Effect.sync(() => {
          const key = access.keys.get(id)
          if (key === undefined || !isGood(key)) return false
          const ended = { ...key, expiresAt: Math.min(until, key.expiresAt ?? until) }
          access.keys.set(id, ended)
          const { name, expiresAt } = ended
          const told = { id, name, successor: successor.id, expiresAt, digest: keyDigest(ended) }
          note("key.rotate", successor.createdBy, { ...told, ...actingKey(by) })
          add(successor, by)
          return true
        }),
      createFirstAdmin: (key) =>
        Effect.sync(() => {
          if ([...access.keys.values()].some(isAdmin)) return false
          add(key)
          return true
        }),
      find: (id) => Effect.sync(() => access.keys.get(id)),
      list: Effect.sync(() => [...access.keys.values()]),
      revoke: (id, actor, by) =>
        Effect.sync(() => {
          const key = access.keys.get(id)
          if (key === undefined || key.revokedAt !== null) return false
          access.keys.set(id, { ...key, revokedAt: clock.currentTimeMillisUnsafe() })
          note("key.revoke", actor, { id, name: key.name, ...actingKey(by) })
          return true
        })
    })
  })
)
