/** Access on keys in memory, which fail when a test wants it. */
import { Effect, Layer } from "effect"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Role, system } from "../../src/access/Identity.ts"
import { FaultyKeys } from "../support/FaultyKeys.ts"

export const start = (options: { readonly ratePerSecond?: number; readonly burst?: number } = {}) => {
  const store = new FaultyKeys()
  const layer = Access.layer({ pepper: "p", ratePerSecond: 1_000, burst: 1_000, ...options }).pipe(
    Layer.provide([store.layer, KeyHash.layer])
  )
  return { store, layer }
}

export const asAdmin = Effect.provideService(CurrentIdentity, system)
export const create = (role: Role, environments = ["*"], expiresAt: number | null = null, name = "robot") =>
  Effect.flatMap(Access, (access) => access.createKey({ add: true, name, role, environments, expiresAt })).pipe(asAdmin)
export const authenticate = (token: string | undefined) =>
  Effect.flatMap(Access, (access) => access.authenticate({ token }))
export const nameOf = (token: string | undefined) => Effect.map(Effect.flip(authenticate(token)), (error) => error.name)
