/** Port: API keys. Only a peppered hash of the secret is kept. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Role } from "./Identity.ts"

export interface ApiKey {
  /** Public part of the token, also its prefix. */
  readonly id: string
  /** Of its principal. */
  readonly name: string
  /** HMAC-SHA-256(pepper, secret), hex. */
  readonly hash: string
  readonly role: Role
  readonly environments: ReadonlyArray<string>
  readonly createdAt: number
  readonly createdBy: string
  /** Milliseconds since 1970, or null. */
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

export class ApiKeyStore extends Context.Service<
  ApiKeyStore,
  {
    /**
     * Writes an audit entry in the same transaction. Fails `PrincipalExists` when a principal is called nearly alike, or, with `alone`, when this
     * one has a good key already. PN1, PN3
     */
    readonly create: (
      key: ApiKey,
      how?: { readonly alone?: boolean; readonly by?: string }
    ) => Effect.Effect<void, HeraldError>
    /**
     * Makes `successor`, and lets the key end at `until` (milliseconds since 1970) if it does not end before; false when it is not good any
     * more. Writes audit entries in the same transaction. `by`: id of the key of who asks. PN5
     */
    readonly rotate: (
      id: string,
      successor: ApiKey,
      how: { readonly until: number; readonly by?: string }
    ) => Effect.Effect<boolean, HeraldError>
    /** As `create`, unless a good admin key for every environment exists: then false. Of several callers at once one succeeds. */
    readonly createFirstAdmin: (key: ApiKey) => Effect.Effect<boolean, HeraldError>
    readonly find: (id: string) => Effect.Effect<ApiKey | undefined, HeraldError>
    readonly list: Effect.Effect<ReadonlyArray<ApiKey>, HeraldError>
    /** False when there is no such key or it was revoked before. Writes an audit entry in the same transaction. */
    readonly revoke: (id: string, actor: string, by?: string) => Effect.Effect<boolean, HeraldError>
  }
>()("herald/access/ApiKeyStore") {}
