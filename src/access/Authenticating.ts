/**
 * Finds out who calls by what is shown, in whatever form: an API key (`hrld_…`), a service token (`hrst_…`), a JWT (three parts with dots), or, where no
 * token came, a client certificate. A10: WrongTokens.ts.
 *
 *   A8  What ends at a time, or with what it came from, opens nothing from then on, and what it opened ends within 5 s.
 *   A9  Nobody makes of what they have a token that may more, or that lasts longer.
 */
import { Clock, Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { countingOnce } from "../limits/Counting.ts"
import { Limits } from "../limits/Limits.ts"
import { RateLimits } from "../limits/RateLimits.ts"
import type { Door, LimitRule } from "../limits/Rules.ts"
import { makeSpending } from "../limits/Spending.ts"
import { millisOf } from "../telemetry/Monotonic.ts"
import { isGood } from "./ApiKeyStore.ts"
import { makeAtOnce } from "./AtOnce.ts"
import { Certificates, isCertificateId } from "./Certificates.ts"
import { exceeds, has, isWithin } from "./Decision.ts"
import { grantOf, grantProblem } from "./Grant.ts"
import { type Identity, identityOf, system } from "./Identity.ts"
import { isOfIssuer, type JwtOptions, makeJwts } from "./Jwts.ts"
import { KeyHash } from "./KeyHash.ts"
import type { KnownKeys } from "./KnownKeys.ts"
import { forbidden } from "./Refusal.ts"
import {
  type Exchange,
  type Exchanged,
  LONGEST_LIFE,
  LONGEST_TOKEN,
  SERVICE_TOKEN,
  seal,
  unseal
} from "./ServiceToken.ts"
import { isJwt, type Shown, type ShownTicket } from "./Shown.ts"
import * as Ticket from "./Ticket.ts"
import * as Token from "./Token.ts"
import { makeWrongTokens } from "./WrongTokens.ts"

export interface AuthenticatingOptions {
  readonly pepper: string
  readonly ratePerSecond: number
  readonly burst: number
  readonly limits: ReadonlyArray<LimitRule>
  /** Whether many share an address, such as a proxy's. */
  readonly shared: (address: string) => boolean
  readonly jwt: JwtOptions
}

const unauthenticated = (message: string) => Effect.fail(failure("Unauthenticated", message))
const limited = (message: string, wait: number) =>
  Effect.fail(failure("RateLimited", message, { details: { retryAfterMillis: wait } }))

export const makeAuthenticating = Effect.fnUntraced(function* (options: AuthenticatingOptions, keys: KnownKeys) {
  const crypto = yield* KeyHash
  const clock = yield* Clock.Clock
  const certificates = yield* Certificates
  const jwts = yield* makeJwts(options.jwt, crypto.digest)
  const failures = new RateLimits({ perSecond: 1, burst: 10 })
  const now = () => clock.currentTimeMillisUnsafe()
  /** Of limits. LJ2 */
  const forward = () => millisOf(clock)
  const wrong = makeWrongTokens({ now: forward, shared: options.shared, digest: crypto.digest }) // A10

  const marksFor = (pepper: string): Ticket.Marks => ({
    hash: (text) => crypto.hash(pepper, text),
    equal: crypto.equal
  })
  const marks = marksFor(options.pepper)
  /** JY1 */
  const ofTokens = marksFor(marks.hash("service tokens"))
  const ofTickets = marksFor(marks.hash("tickets of who has no API key"))

  const spending = makeSpending(
    yield* Limits,
    { perSecond: options.ratePerSecond, burst: options.burst },
    options.limits
  )
  /** A4, LX1 */
  const tooOften = (identity: Identity, environment: string | undefined, cost: number): HeraldError | undefined =>
    spending.take(identity, environment, cost, forward())
  const at = (identity: Identity, door: Door | undefined): Identity =>
    spending.isNarrowed && door !== undefined ? { ...identity, door } : identity

  const keysAtOnce = makeAtOnce({
    known: (id) => {
      const key = keys.known(id)
      return key !== undefined && isGood(key, now()) ? key : undefined
    },
    marks: { ...marks, digest: crypto.digest }
  })

  /** Undefined: nobody's. */
  const ownerOf = Effect.fnUntraced(function* ({ id, secret }: Token.Parts) {
    const key = yield* keys.find(id)
    // A2: the hash is made even when there is nothing to compare it with, so that time tells nothing.
    const matches = crypto.equal(marks.hash(secret), key?.hash ?? "")
    if (key === undefined || !matches) return undefined
    if (!isGood(key, now())) {
      return yield* unauthenticated(
        `the API key ${key.name} (${key.id}) ${key.revokedAt === null ? "expired" : "was revoked"}`
      )
    }
    keysAtOnce.remember(secret, key.hash)
    return identityOf(key)
  })

  const byKey = Effect.fnUntraced(function* (token: string, address: string | undefined) {
    const parts = Token.parse(token)
    if (parts === undefined)
      return yield* unauthenticated(
        "that is not a token of Herald: they look like hrld_<id>_<secret>, or hrst_… for a while"
      )
    const known = () => keysAtOnce.remembered(token)
    const identity = yield* wrong.keyed(address, ownerOf(parts), known)
    if (identity !== undefined) return identity
    const wait = failures.take(parts.id, forward())
    if (wait > 0) return yield* limited(`too many wrong tokens with the id ${parts.id}`, wait)
    return yield* unauthenticated("the token is unknown")
  })

  /** Whether what an identity came from is still good, as far as is known without a question; undefined: only the database can say. */
  const knownGood = (identity: Identity): boolean | undefined => {
    const { keyId } = identity
    if (keyId === system.keyId) return true
    if (isOfIssuer(keyId)) return jwts.knownGood(identity)
    if (isCertificateId(keyId)) return certificates.isGood(keyId)
    const key = keys.known(keyId)
    return key === undefined ? undefined : isGood(key, now())
  }
  const hasEnded = ({ until }: Identity): boolean => until !== undefined && !(now() < until)
  const originGood = (identity: Identity): Effect.Effect<boolean, HeraldError> => {
    const known = knownGood(identity)
    if (known !== undefined) return Effect.succeed(known)
    if (isOfIssuer(identity.keyId)) return jwts.isGood(identity)
    return Effect.map(keys.find(identity.keyId), (key) => key !== undefined && isGood(key, now()))
  }

  const sealedIn = (token: string) => () => unseal(token.slice(SERVICE_TOKEN.length), ofTokens)
  const byServiceToken = Effect.fnUntraced(function* (token: string, address: string | undefined) {
    const identity = yield* wrong.marked(token, address, sealedIn(token))
    if (identity === undefined) return yield* unauthenticated("that is no service token of this Herald")
    if (hasEnded(identity)) return yield* unauthenticated(`the service token of ${identity.name} has ended`)
    if (!(yield* originGood(identity)))
      return yield* unauthenticated(`what the service token of ${identity.name} came from is no longer good`)
    return identity
  })

  const byCertificate = ({ certificate }: Shown) => {
    const identity = certificate && certificates.identify(certificate)
    if (identity !== undefined) return Effect.succeed(identity)
    return unauthenticated(
      certificate === undefined
        ? "the request has no token" // A1
        : "the request has no token, and no rule of HERALD_TLS_IDENTITIES names its client certificate"
    )
  }

  const identified = (shown: Shown): Effect.Effect<Identity, HeraldError> => {
    const token = Token.fromHeader(shown.token)
    if (token === "") return byCertificate(shown)
    if (token.startsWith(SERVICE_TOKEN)) return byServiceToken(token, shown.address)
    return isJwt(token) ? jwts.identify(token, wrong.addressOf(shown.address)) : byKey(token, shown.address)
  }

  const enter = (
    identity: Identity,
    door: Door | undefined,
    cost: number,
    environment?: string
  ): Effect.Effect<Identity, HeraldError> =>
    Effect.suspend(() => {
      const entered = at(identity, door)
      const refusal = tooOften(entered, environment, cost)
      return refusal === undefined ? Effect.succeed(entered) : Effect.fail(refusal)
    })

  const authenticate = Effect.fnUntraced(function* (shown: Shown, cost = 1) {
    return yield* enter(yield* identified(shown), shown.door, cost, shown.environment)
  })

  /** Of whoever has no API key it says itself what it opens, as there is nothing to look up. */
  const ticketFor = (identity: Identity, environment: string) =>
    Effect.sync(() => {
      const { keyId, by = "key", until = Number.POSITIVE_INFINITY } = identity
      if (by === "key") return Ticket.make(keyId, environment, now(), marks)
      return seal(Ticket.holder(identity, environment), Math.min(until, Ticket.endOf(now())), ofTickets) // TI1, TI2
    })

  const noTicket = unauthenticated("the ticket is not, or no longer, good: ask for all flags again, which gives one")
  const holderOf = Effect.fnUntraced(function* (ticket: string, environment: string, address: string | undefined) {
    const read = () => Ticket.keyOf(ticket, environment, marks) ?? unseal(ticket, ofTickets)
    const found = yield* wrong.marked(ticket, address, read)
    if (found === undefined) return yield* noTicket
    if ("hour" in found) {
      const key = Ticket.isOver(found, now()) ? undefined : yield* keys.find(found.keyId)
      return key !== undefined && isGood(key, now()) ? Ticket.holder(identityOf(key), environment) : yield* noTicket
    }
    if (!found.environments.includes(environment) || hasEnded(found)) return yield* noTicket
    return (yield* originGood(found)) ? found : yield* noTicket
  })

  const byTicket = Effect.fnUntraced(function* ({ ticket, environment, address, door }: ShownTicket, cost = 1) {
    return yield* enter(yield* holderOf(ticket, environment, address), door, cost, environment)
  })

  /** Whom `authenticate` would find, where that is known already. */
  const recognise = (shown: Shown): Identity | undefined => {
    const found = recognised(shown)
    return found && at(found, shown.door)
  }
  const recognised = (shown: Shown): Identity | undefined => {
    const token = Token.fromHeader(shown.token)
    if (token === "") return shown.certificate && certificates.identify(shown.certificate)
    if (token.startsWith(SERVICE_TOKEN)) {
      const identity = wrong.markedNow(token, shown.address, sealedIn(token))
      return identity !== undefined && !hasEnded(identity) && knownGood(identity) === true ? identity : undefined
    }
    if (isJwt(token)) return jwts.remembered(token)
    return wrong.isHeld(shown.address) ? keysAtOnce.remembered(token) : keysAtOnce.whose(token) // A10
  }

  const spend = (identity: Identity, cost: number) =>
    Effect.suspend(() => {
      const refusal = tooOften(identity, undefined, cost)
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })
  const within = (identity: Identity, environment: string, cost: number) =>
    Effect.suspend(() => {
      const refusal = spending.within(identity, environment, cost, forward())
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })

  const stillValid = (identity: Identity): Effect.Effect<boolean> =>
    Effect.suspend(() =>
      hasEnded(identity)
        ? Effect.succeed(false) // A8
        : Effect.orElseSucceed(originGood(identity), () => true)
    )

  /** A9 */
  const exchange = Effect.fnUntraced(function* (
    identity: Identity,
    { life, grant: wanted }: Exchange
  ): Effect.fn.Return<Exchanged, HeraldError> {
    const grant = grantOf({ ...grantOf(identity), ...wanted })
    const problem = life >= 1_000 && life <= LONGEST_LIFE ? grantProblem(grant) : "a token lasts 1 s to an hour"
    if (problem !== undefined) return yield* failure("InvalidInput", problem)
    if (!isWithin(grant, identity)) {
      const rule = exceeds(grant, identity) ?? "role"
      return yield* forbidden(rule, `${has(identity, rule)}; a token may nothing that what was shown may not`)
    }
    const until = Math.min(now() + life, identity.until ?? Number.POSITIVE_INFINITY)
    const { name, keyId, signer } = identity
    const its: Identity = { name, keyId, ...grant, by: "token", until, ...(signer === undefined ? {} : { signer }) }
    const token = `${SERVICE_TOKEN}${seal(its, until, ofTokens)}`
    if (token.length > LONGEST_TOKEN)
      return yield* failure("InvalidInput", "its grant is too long for a token: name fewer keys or topics")
    return { token, identity: its, until }
  })

  return {
    authenticate,
    atOnce: {
      recognise,
      charge: (identity: Identity, cost: number, environment?: string) =>
        tooOften(identity, environment, cost) === undefined,
      counting: (cost: number, counted: string | undefined) =>
        spending.isNarrowed
          ? countingOnce((who, environment) => spending.within(who, environment, cost, forward()), counted)
          : undefined,
      told: (identity: Identity, environment?: string) => spending.told(identity, environment, forward())
    },
    attempted: wrong.attempted,
    limits: (identity: Identity, environment: string) =>
      Effect.sync(() => spending.left(identity, environment, forward())),
    ...{ enter, ticketFor, byTicket, spend, within, stillValid, exchange },
    later: (name: string, keyId: string) => Effect.sync(() => jwts.later(name, keyId))
  }
})
