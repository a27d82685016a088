/** ApiKeyStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { type ApiKey, ApiKeyStore } from "../../../src/access/ApiKeyStore.ts"
import { actingKey, folded, principalExists } from "../../../src/access/Principal.ts"
import { State } from "../State.ts"
import { keyDigest } from "./AuditCheck.ts"

export const layer = Layer.effect(
  ApiKeyStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const note = (action: string, performedBy: string, details: Record<string, unknown>) =>
      state.append({ configId: "", action, performedBy, details, createdAt: clock.currentTimeMillisUnsafe() })
    const add = (key: ApiKey, by?: string) => {
      state.keys.set(key.id, key)
      state.principals.set(folded(key.name), state.principals.get(folded(key.name)) ?? key.name)
      const { id, name, role, environments, expiresAt } = key
      note("key.create", key.createdBy, {
        id,
        name,
        role,
        environments,
        expiresAt,
        digest: keyDigest(key),
        ...actingKey(by)
      })
    }
    const isGood = ({ revokedAt, expiresAt }: ApiKey) =>
      revokedAt === null && (expiresAt === null || expiresAt > clock.currentTimeMillisUnsafe())
    const isAdmin = (key: ApiKey) => key.role === "admin" && key.environments.includes("*") && isGood(key)
    return ApiKeyStore.of({
      create: (key, { alone = false, by } = {}) =>
        Effect.suspend(() => {
          const known = state.principals.get(folded(key.name))
          const taken = alone && [...state.keys.values()].some((one) => one.name === known && isGood(one))
          if (known !== undefined && (known !== key.name || taken)) return principalExists(known)
          return Effect.sync(() => add(key, by))
        }),
      rotate: (id, successor, { until, by }) =>
        Effect.sync(() => {
          const key = state.keys.get(id)
          if (key === undefined || !isGood(key)) return false
          const ended = { ...key, expiresAt: Math.min(until, key.expiresAt ?? until) }
          state.keys.set(id, ended)
          const { name, expiresAt } = ended
          const told = { id, name, successor: successor.id, expiresAt, digest: keyDigest(ended) }
          note("key.rotate", successor.createdBy, { ...told, ...actingKey(by) })
          add(successor, by)
          return true
        }),
      createFirstAdmin: (key) =>
        Effect.sync(() => {
          if ([...state.keys.values()].some(isAdmin)) return false
          add(key)
          return true
        }),
      find: (id) => Effect.sync(() => state.keys.get(id)),
      list: Effect.sync(() => [...state.keys.values()]),
      revoke: (id, actor, by) =>
        Effect.sync(() => {
          const key = state.keys.get(id)
          if (key === undefined || key.revokedAt !== null) return false
          state.keys.set(id, { ...key, revokedAt: clock.currentTimeMillisUnsafe() })
          note("key.revoke", actor, { id, name: key.name, ...actingKey(by) })
          return true
        })
    })
  })
)
