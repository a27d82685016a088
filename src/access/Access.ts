/**
 * The one door check below REST and gRPC.
 *
 *   A1  No token, no identity; there are no default credentials.
 *   A2  A secret is compared as a keyed hash, in constant time, and is never stored or logged.
 *   A3  A revoked or expired key authenticates nobody after at most 2 s, and its streams end within 5 s.
 *   A4  A request over its identity's rate is refused with the time to wait.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { ApiKey } from "./ApiKeyStore.ts"
import type { Identity, Permission, Role } from "./Identity.ts"

export class Access extends Context.Service<
  Access,
  {
    /** From `Bearer <token>` or a bare token. Fails `Unauthenticated`, `RateLimited` (details.retryAfterMillis). */
    readonly authenticate: (token: string | undefined) => Effect.Effect<Identity, HeraldError>
    /** Is the key behind this identity still good? For open streams. Never fails: a dead database revokes nothing. */
    readonly stillValid: (identity: Identity) => Effect.Effect<boolean>
    /** Requires keys.manage. The token is shown once. */
    readonly createKey: (options: {
      readonly name: string
      readonly role: Role
      readonly environments: ReadonlyArray<string>
      readonly expiresAt: number | null
    }) => Effect.Effect<{ readonly token: string; readonly key: ApiKey }, HeraldError>
    readonly listKeys: Effect.Effect<ReadonlyArray<ApiKey>, HeraldError>
    readonly revokeKey: (id: string) => Effect.Effect<void, HeraldError>
    /** The first start's admin token, or undefined when an admin key exists already. */
    readonly bootstrap: Effect.Effect<string | undefined, HeraldError>
  }
>()("herald/access/Access") {}

/** Fails `Unauthenticated` or `Forbidden` unless `CurrentIdentity` may. Called by services, not by edges. */
export declare const requirePermission: (
  permission: Permission,
  environment: string | undefined
) => Effect.Effect<Identity, HeraldError>
