/**
 * Port: API keys. Of a secret only a peppered hash is kept. Each write has its audit entry in the same transaction. Fails `DatabaseUnavailable`
 * or `Timeout`; writes also `DatabaseReadOnly`, and `OutcomeUnknown` when the answer was lost.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Kind, Role } from "./Identity.ts"

export interface ApiKey {
  /** The public part of the token. */
  readonly id: string
  /** Its principal's. */
  readonly name: string
  /** HMAC-SHA-256(pepper, secret), hex. */
  readonly hash: string
  readonly role: Role
  readonly environments: ReadonlyArray<string>
  /** Patterns of topics; left out: as its environments say. KX1 */
  readonly topics?: ReadonlyArray<string>
  /** Patterns of keys; left out: all. KO1 */
  readonly keys?: ReadonlyArray<string>
  /** Kinds of keys; left out: all. KO1 */
  readonly kinds?: ReadonlyArray<Kind>
  /** Milliseconds since 1970, as are the other times; null: never. */
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

/** `now`: milliseconds since 1970. */
export const isGood = (key: ApiKey, now: number): boolean =>
  key.revokedAt === null && (key.expiresAt === null || key.expiresAt > now)

export class ApiKeyStore extends Context.Service<
  ApiKeyStore,
  {
    /**
     * Fails `PrincipalExists` when another principal's name is nearly the same, or, with `alone`, when this one has a good key already. `by`: id of
     * the key that made it. PN1, PN3
     */
    readonly create: (
      key: ApiKey,
      how?: { readonly alone?: boolean; readonly by?: string }
    ) => Effect.Effect<void, HeraldError>
    /**
     * Makes `successor`, and lets the key end at `until` (milliseconds since 1970) unless it ends before. False when the key is no longer good.
     * `by`: id of the key that asked. PN5
     */
    readonly rotate: (
      id: string,
      successor: ApiKey,
      how: { readonly until: number; readonly by?: string }
    ) => Effect.Effect<boolean, HeraldError>
    /** As `create`; false when there is a good admin key for every environment and every key. Of several callers at once, one succeeds. */
    readonly createFirstAdmin: (key: ApiKey) => Effect.Effect<boolean, HeraldError>
    readonly find: (id: string) => Effect.Effect<ApiKey | undefined, HeraldError>
    readonly list: Effect.Effect<ReadonlyArray<ApiKey>, HeraldError>
    /** False when there is no such key, or it was revoked before. `by`: id of the key that asked. */
    readonly revoke: (id: string, actor: string, by?: string) => Effect.Effect<boolean, HeraldError>
  }
>()("herald/access/ApiKeyStore") {}
