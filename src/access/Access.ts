/**
 * Decides who a caller is and whether it may: the one check below REST and gRPC.
 *
 *   A1  No token, no identity; there are no default credentials.
 *   A2  A secret is compared as a keyed hash, in constant time, and is never stored or logged.
 *   A3  A revoked or expired key authenticates nobody after at most 2 s, and its streams end within 5 s.
 *   A4  A request over its principal's rate is refused with the time to wait.
 *   A5  The first admin's key is one, whatever becomes of the database meanwhile: it is waited for, and a key whose answer was lost is known again.
 *   A6  Whoever has pepper and database can make an admin's key without one; the audit log tells of it.
 */
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { environmentProblem } from "../keys/Target.ts"
import { Counting } from "../limits/Counting.ts"
import type { Door, LimitRule } from "../limits/Rules.ts"
import type { Left } from "../limits/Spending.ts"
import { waitFor } from "../telemetry/WaitFor.ts"
import { type ApiKey, ApiKeyStore, isGood } from "./ApiKeyStore.ts"
import type { AtOnce } from "./AtOnce.ts"
import { makeAuthenticating } from "./Authenticating.ts"
import type { Act } from "./Decision.ts"
import { makeExchanges } from "./Exchanges.ts"
import { CurrentIdentity, type Identity, identityOf, mayAnywhere, type Permission, system } from "./Identity.ts"
import type { JwtOptions } from "./Jwts.ts"
import { KeyHash } from "./KeyHash.ts"
import { makeKnownKeys } from "./KnownKeys.ts"
import { checkKey, type KeyOptions } from "./NewKey.ts"
import { refusalOf, wideningOf } from "./Refusal.ts"
import type { Exchange, Exchanged } from "./ServiceToken.ts"
import type { Shown, ShownTicket } from "./Shown.ts"
import * as Token from "./Token.ts"

export interface AccessOptions {
  /** Kept outside of the database: a stolen table of hashes is worth nothing without it. */
  readonly pepper: Redacted.Redacted | string
  /** Requests of one principal: so many a second, and `burst` at once. */
  readonly ratePerSecond: number
  readonly burst: number
  /** Narrower ones; left out, none. */
  readonly limits?: ReadonlyArray<LimitRule>
  /** Whether many share an address, such as a proxy's; left out, none is. */
  readonly shared?: (address: string) => boolean
  /** What tokens of an issuer give; left out, nothing. */
  readonly jwt?: JwtOptions
}

export type { KeyOptions } from "./NewKey.ts"

export class Access extends Context.Service<
  Access,
  {
    /**
     * By whatever is shown. `cost`: how many requests this one counts as; 1 when left out. Fails `Unauthenticated`, `NoGrant`, `RateLimited`
     * (details.retryAfterMillis), `IssuerUnavailable`, `DatabaseUnavailable` for a key that only the database may know.
     */
    readonly authenticate: (shown: Shown, cost?: number) => Effect.Effect<Identity, HeraldError>
    readonly atOnce: Effect.Effect<AtOnce>
    /** What opens streams of an environment's flags in the token's place. TI1 */
    readonly ticketFor: (identity: Identity, environment: string) => Effect.Effect<string>
    /** Whose ticket it is, with the rights that it gives. Fails `Unauthenticated`, and as `authenticate`. TI1 */
    readonly byTicket: (shown: ShownTicket, cost?: number) => Effect.Effect<Identity, HeraldError>
    /**
     * What an attempt finds that makes a keyed hash for whatever came from an address; undefined: nobody's. Fails `RateLimited`
     * (details.retryAfterMillis) before it is made, and as `attempt`. A10
     */
    readonly attempted: <A>(
      address: string | undefined,
      attempt: Effect.Effect<A | undefined, HeraldError>
    ) => Effect.Effect<A | undefined, HeraldError>
    /** Who was found by something else, as at a door; counts that as `cost` requests. Fails as `spend`. A4 */
    readonly enter: (identity: Identity, door: Door, cost: number) => Effect.Effect<Identity, HeraldError>
    /** Counts what an open call asks for as `cost` requests. Fails `RateLimited` (details.retryAfterMillis). A4 */
    readonly spend: (identity: Identity, cost: number) => Effect.Effect<void, HeraldError>
    /** Counts `cost` requests that were counted already in the limits of an environment that became known since. Fails as `spend`. LX1 */
    readonly within: (identity: Identity, environment: string, cost: number) => Effect.Effect<void, HeraldError>
    /** The limits of how often this identity may ask in an environment, with what is left of each as far as this node knows. LX2 */
    readonly limits: (identity: Identity, environment: string) => Effect.Effect<ReadonlyArray<Left>>
    /** Whether what the identity showed is still good: for open streams. Never fails, as a database that is away revokes nothing. A8 */
    readonly stillValid: (identity: Identity) => Effect.Effect<boolean>
    /**
     * A token of at most an hour with what `CurrentIdentity` may, or less; it is kept nowhere, and the audit log tells of it. Fails `Unauthenticated`,
     * `InvalidInput`, `Forbidden` when it is to do more, `RateLimited` (details.retryAfterMillis), and as `ExchangeAudit`. A9, EX1
     */
    readonly exchange: (wanted: Exchange) => Effect.Effect<Exchanged, HeraldError>
    /** Who acts for somebody who showed a token of the issuer, when that has ended; undefined: nobody any more. A7 in Acting.ts */
    readonly later: (name: string, keyId: string) => Effect.Effect<Identity | undefined>
    /**
     * Requires keys.manage. Returns the token, which is kept nowhere. Fails `InvalidInput`, `PrincipalExists`, `OutcomeUnknown` (it may have
     * been made), `DatabaseUnavailable`, `DatabaseReadOnly`, `Timeout`.
     */
    readonly createKey: (
      options: KeyOptions
    ) => Effect.Effect<{ readonly token: string; readonly key: ApiKey }, HeraldError>
    /**
     * Makes a key like it that lasts as long; the old one works for at most `graceMillis` more. Returns the new token, which is kept nowhere.
     * Requires keys.manage. Fails `NotFound`, and as `createKey`.
     */
    readonly rotateKey: (
      id: string,
      graceMillis: number
    ) => Effect.Effect<{ readonly token: string; readonly key: ApiKey }, HeraldError>
    readonly listKeys: Effect.Effect<ReadonlyArray<ApiKey>, HeraldError>
    /** Requires keys.manage. Fails `NotFound` when there is no such key, or it was revoked before, and as `createKey`. */
    readonly revokeKey: (id: string) => Effect.Effect<void, HeraldError>
    /** Makes the first admin's key and returns its token; undefined when there is an admin key already. Waits for a database that is away. A5 */
    readonly bootstrap: Effect.Effect<string | undefined, HeraldError>
    /** Makes a key of the principal `recovered-admin` for all environments, and returns its token. A6 */
    readonly recover: Effect.Effect<string, HeraldError>
  }
>()("herald/access/Access") {
  static readonly layer = (options: AccessOptions) => Layer.effect(Access, make(options))
}

/**
 * Fails `Unauthenticated` or `Forbidden` unless `CurrentIdentity` may, and `InvalidInput` for what is no environment, for every use case (EN1).
 * Services call it; doors do only to refuse before they read a body. `on`: what it is about; left out, every key of every kind. DN1
 */
export const requirePermission = (
  permission: Permission,
  environment: string | undefined,
  on?: Act["on"]
): Effect.Effect<Identity, HeraldError> =>
  Effect.withFiber((fiber) => {
    const identity = fiber.getRef(CurrentIdentity)
    if (identity === undefined) return Effect.fail(failure("Unauthenticated", "nobody is signed in for this request"))
    const refused = refusalOf(
      identity,
      { permission, environment, on },
      fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    )
    if (refused !== undefined) return Effect.fail(refused)
    if (environment === undefined) return Effect.succeed(identity)
    const problem = environmentProblem(environment) ?? fiber.getRef(Counting)?.count(identity, environment) // LX3
    return problem === undefined ? Effect.succeed(identity) : Effect.fail(problem)
  })

/** Fails `Unauthenticated`. */
export const requireSignedIn: Effect.Effect<Identity, HeraldError> = Effect.withFiber((fiber) => {
  const identity = fiber.getRef(CurrentIdentity)
  return identity === undefined
    ? Effect.fail(failure("Unauthenticated", "nobody is signed in for this request"))
    : Effect.succeed(identity)
})

/** The same for any environment and any key: asked before a body is read that says which. */
export const requireAnywhere = (permission: Permission): Effect.Effect<Identity, HeraldError> =>
  Effect.withFiber((fiber) => {
    const identity = fiber.getRef(CurrentIdentity)
    return identity !== undefined && mayAnywhere(identity, permission)
      ? Effect.succeed(identity)
      : requirePermission(permission, undefined, "some")
  })

const REFRESH = "1 second" // half of A3's bound
const make = Effect.fnUntraced(function* (options: AccessOptions) {
  const store = yield* ApiKeyStore
  const crypto = yield* KeyHash
  const clock = yield* Clock.Clock
  const keys = yield* makeKnownKeys({ refreshEvery: REFRESH })
  const pepper = typeof options.pepper === "string" ? options.pepper : Redacted.value(options.pepper)
  const { ratePerSecond, burst, limits = [], shared = () => false, jwt = { rules: [], nameClaim: undefined } } = options
  const authenticating = yield* makeAuthenticating({ pepper, ratePerSecond, burst, limits, shared, jwt }, keys)
  const { authenticate, atOnce, enter, ticketFor, byTicket, spend, within, stillValid, later } = authenticating

  const audited = yield* makeExchanges(crypto.digest)
  const exchange = Effect.fn("Access.exchange")(function* (wanted: Exchange) {
    const identity = yield* CurrentIdentity
    if (identity === undefined) return yield* failure("Unauthenticated", "nobody is signed in for this request")
    const made = yield* authenticating.exchange(identity, wanted)
    yield* audited(identity, wanted, made) // EX1
    const { name, keyId, until } = made.identity
    yield* Effect.logInfo("a service token was made", { principal: name, keyId, until })
    return made
  })

  const minted = ({ add: _, ...wanted }: KeyOptions, createdBy: string) => {
    const id = crypto.random(Token.ID_BYTES)
    const secret = crypto.random(Token.SECRET_BYTES)
    const createdAt = clock.currentTimeMillisUnsafe()
    const key: ApiKey = { ...wanted, id, hash: crypto.hash(pepper, secret), createdAt, createdBy, revokedAt: null }
    return { token: Token.format(id, secret), key }
  }

  const createKey = Effect.fn("Access.createKey")(function* (wanted: KeyOptions) {
    const identity = yield* requirePermission("keys.manage", undefined)
    yield* checkKey(wanted, clock.currentTimeMillisUnsafe())
    const wider = wideningOf(identity, wanted)
    if (wider !== undefined) return yield* wider
    const made = minted(wanted, identity.name)
    yield* store.create(made.key, { alone: wanted.add !== true, by: identity.keyId }) // PN3
    keys.remember(made.key)
    return made
  })

  const rotateKey = Effect.fn("Access.rotateKey")(function* (id: string, graceMillis: number) {
    const identity = yield* requirePermission("keys.manage", undefined)
    const now = clock.currentTimeMillisUnsafe()
    const gone = failure("NotFound", "there is no API key with that id that is still good")
    const old = yield* store.find(id)
    if (old === undefined || !isGood(old, now)) return yield* gone
    const wider = wideningOf(identity, old)
    if (wider !== undefined) return yield* wider
    const { keyId: _, ...its } = identityOf(old)
    const expiresAt = old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt)
    const made = minted({ ...its, expiresAt }, identity.name)
    const until = now + graceMillis
    if (!(yield* store.rotate(id, made.key, { until, by: identity.keyId }))) return yield* gone
    keys.remember(made.key)
    keys.remember({ ...old, expiresAt: Math.min(until, old.expiresAt ?? until) })
    return made
  })

  const revokeKey = Effect.fn("Access.revokeKey")(function* (id: string) {
    const identity = yield* requirePermission("keys.manage", undefined)
    const done = yield* store.revoke(id, identity.name, identity.keyId)
    if (!done)
      return yield* Effect.fail(failure("NotFound", "there is no API key with that id that is not revoked yet"))
    keys.revoked(id, clock.currentTimeMillisUnsafe())
  })

  const bootstrap = Effect.gen(function* () {
    const wanted: KeyOptions = { name: "first-admin", role: "admin", environments: ["*"], expiresAt: null }
    const { token, key } = minted(wanted, system.name)
    const make = Effect.gen(function* () {
      return (yield* store.createFirstAdmin(key)) || (yield* store.find(key.id)) !== undefined
    })
    const made = yield* waitFor("waiting for the database", make, { while: ({ unanswered }) => unanswered }) // A5
    if (!made) return undefined
    keys.remember(key)
    return token
  }).pipe(Effect.withSpan("Access.bootstrap"))

  /** A6 */
  const recover = Effect.gen(function* () {
    const wanted: KeyOptions = { name: "recovered-admin", role: "admin", environments: ["*"], expiresAt: null }
    const { token, key } = minted(wanted, system.name)
    yield* store.create(key)
    return token
  }).pipe(Effect.withSpan("Access.recover"))

  return Access.of({
    authenticate,
    atOnce: Effect.succeed(atOnce),
    enter,
    ticketFor,
    byTicket,
    attempted: authenticating.attempted,
    spend,
    within,
    limits: authenticating.limits,
    stillValid,
    exchange,
    later,
    createKey,
    rotateKey,
    listKeys: Effect.andThen(requirePermission("keys.manage", undefined), store.list),
    revokeKey,
    bootstrap,
    recover
  })
})
