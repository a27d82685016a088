/**
 * The public keys of an issuer of tokens (JWKS, RFC 7517), as OpenID Connect Discovery finds them.
 *
 *   JK1  They are the issuer's alone: what a token says of keys (`jku`, `x5u`, `jwk`, `x5c`) is not looked at. The issuer and where its keys are are asked at
 *        addresses that were checked (WP1): by https, and no redirect is followed; on this machine or in a private network only where a setting names them.
 *   JK2  64 keys and 64 KiB at most, and 5 s a question. What is more is no answer.
 *   JK3  They are read every 10 min, and at once when a token names one that is not known: once in 30 s, and one question for all who wait.
 *   JK4  Is the issuer away, what is known counts for an hour after it was read; then nothing does, and nothing of what was checked with it. Hours are
 *        those of the monotonic clock: who sets the clock of this machine makes no key count for longer.
 *   JK5  What the issuer took back is known as that, whatever it is called, so all that it signed ends; also the last of its keys. An issuer that is away
 *        takes nothing back, and nothing that it may have signed with a key which is not known here.
 */
import { createPublicKey, type webcrypto } from "node:crypto"
import { Clock, Deferred, Effect, Exit, type Scope } from "effect"
import { calculateJwkThumbprint, createLocalJWKSet, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from "jose"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { every } from "../../src/telemetry/Every.ts"
import { millisOf } from "../../src/telemetry/Monotonic.ts"
import { addressOf, ask, kept, type Limits } from "../Sockets/Pinned.ts"

export interface KeysOptions extends Pick<Limits, "resolve"> {
  readonly issuer: string
  /** `host:port` of who may be on this machine or in its network, and is asked by http, too. JK1 */
  readonly near: ReadonlyArray<string>
}

/** Milliseconds. JK2–JK4 */
const TIMEOUT = 5_000
const FRESH = 600_000
const KEPT = 3_600_000
const UNKNOWN = 30_000
/** How soon after a question without an answer another is asked. */
const AGAIN = 5_000
/** JK2 */
const MOST = 64
/** Characters of an RSA modulus of 8,192 bits: a longer one is there to keep this server busy. */
const MODULUS = 1_366

/** What is of use here of a key. */
const FIELDS = ["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"] as const

interface Known {
  readonly find: JWTVerifyGetKey
  readonly ids: ReadonlySet<string | undefined>
  /** The keys as texts. */
  readonly texts: ReadonlySet<string>
  /** Their thumbprints (RFC 7638). JK5 */
  readonly prints: ReadonlySet<string>
  /** Milliseconds of the monotonic clock. */
  readonly at: number
}

export interface IssuerKeys {
  /** Keys among which one of this name is, if it is anywhere. Fails `IssuerUnavailable`. */
  readonly withKey: (kid: string | undefined) => Effect.Effect<JWTVerifyGetKey, HeraldError>
  /** Grows when one of them is the issuer's no longer; undefined: none counts. JK4 */
  readonly generation: () => number | undefined
  /** Whether a key with this thumbprint is the issuer's, as it said last; undefined: it may be one that is not known yet. JK5 */
  readonly has: (thumbprint: string) => boolean | undefined
  /** The same; of what was not among the keys of the last 30 s the issuer is asked aside, and until it answers it has it. Never waits, never fails. JK5 */
  readonly stillHas: (thumbprint: string) => Effect.Effect<boolean>
}

class Wrong extends Error {}

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isPublicKey = (key: unknown): key is JWK =>
  isMembers(key) &&
  ["RSA", "EC", "OKP"].includes(String(key["kty"])) &&
  (key["use"] === undefined || key["use"] === "sig") &&
  (key["kid"] === undefined || (typeof key["kid"] === "string" && key["kid"].length <= 256)) &&
  String(key["n"] ?? "").length <= MODULUS

const only = (key: JWK): JWK =>
  Object.fromEntries(FIELDS.flatMap((name) => (key[name] === undefined ? [] : [[name, key[name]]]))) as unknown as JWK

/** JK2. Fails `Wrong`. */
const keysIn = (document: unknown): JSONWebKeySet => {
  const keys = isMembers(document) ? document["keys"] : undefined
  if (!Array.isArray(keys)) throw new Wrong("its jwks_uri gives no list of keys")
  if (keys.length > MOST) throw new Wrong(`its jwks_uri gives ${keys.length} keys, and ${MOST} are the most`)
  return { keys: keys.filter(isPublicKey).map(only) }
}

/** Of the key itself, however its numbers are written. Of what is no key after all, none. JK5 */
const printsOf = async ({ keys }: JSONWebKeySet): Promise<ReadonlySet<string>> => {
  const one = async (key: JWK) =>
    calculateJwkThumbprint(createPublicKey({ key: key as webcrypto.JsonWebKey, format: "jwk" }))
  const all = await Promise.all(keys.map((key) => one(key).catch(() => undefined)))
  return new Set(all.filter((print) => print !== undefined))
}

const parsed = (body: string, what: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    throw new Wrong(`${what} is not JSON`)
  }
}

export const makeKeys = Effect.fnUntraced(function* ({
  issuer,
  near,
  resolve
}: KeysOptions): Effect.fn.Return<IssuerKeys, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const listed = new Set(near.map((one) => one.toLowerCase()))
  let known: Known | undefined
  let generation = 0
  /** Thumbprints of what it took back, the oldest first. */
  const gone = new Set<string>()
  /** Thumbprints that somebody asked for and that were not known: an answer to a later question says whether they are the issuer's. */
  const wondered = new Set<string>()
  let asking: Deferred.Deferred<boolean> | undefined
  /** When it was last asked at all, and because of a key that was not known. */
  let asked = Number.NEGATIVE_INFINITY
  let askedForUnknown = Number.NEGATIVE_INFINITY
  let why = "it was not asked yet"

  const now = () => millisOf(clock)

  /** JK1 */
  const get = Effect.fnUntraced(function* (text: string, what: string) {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) return yield* Effect.fail(new Wrong(`${what} is no URL`))
    const address = addressOf(url)
    const allowPrivate = listed.has(address)
    if (url.protocol !== "https:" && !allowPrivate)
      return yield* Effect.fail(
        new Wrong(`${what} is at ${address}, which is asked by https alone unless HERALD_OIDC_NEAR lists it`)
      )
    const question = { method: "GET", url: text, headers: { accept: "application/json" }, body: undefined } as const
    const answer = yield* ask(question, { timeout: TIMEOUT, allowPrivate, resolve }, kept)
    if (answer.kind === "forbidden")
      return yield* Effect.fail(new Wrong(`${what}: ${answer.why}, and HERALD_OIDC_NEAR does not list ${address}`))
    if (answer.kind === "unreachable") return yield* Effect.fail(new Wrong(`${what}: ${answer.why}`))
    if (answer.status !== 200) return yield* Effect.fail(new Wrong(`${what} answered ${answer.status}`))
    return yield* Effect.try({ try: () => parsed(answer.body, what), catch: (wrong) => wrong as Wrong })
  })

  const read = Effect.gen(function* () {
    const before = [...wondered]
    const found = yield* get(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, "its configuration")
    if (!isMembers(found) || found["issuer"] !== issuer)
      return yield* Effect.fail(
        new Wrong("its configuration names another issuer: HERALD_OIDC_ISSUER is what it names")
      )
    const document = yield* get(String(found["jwks_uri"]), "its jwks_uri")
    const set = yield* Effect.try({ try: () => keysIn(document), catch: (wrong) => wrong as Wrong })
    // Who has had keys takes the last one back so. JK5
    if (set.keys.length === 0) {
      const none = "its jwks_uri gives no public key that can check a signature"
      if (known === undefined) return yield* Effect.fail(new Wrong(none))
      yield* Effect.logWarning("the issuer of tokens took all of its keys back", { issuer, reason: none })
    }
    const texts = new Set(set.keys.map((key) => JSON.stringify(key)))
    const prints = yield* Effect.promise(() => printsOf(set))
    if (known !== undefined && [...known.texts].some((text) => !texts.has(text))) generation++
    for (const print of known?.prints ?? []) if (!prints.has(print)) gone.add(print)
    for (const print of before) {
      wondered.delete(print)
      if (!prints.has(print)) gone.add(print)
    }
    for (const print of gone) if (gone.size > MOST) gone.delete(print)
    known = { find: createLocalJWKSet(set), ids: new Set(set.keys.map(({ kid }) => kid)), texts, prints, at: now() }
  })

  /** One question for all who wait; whether it was answered. JK3 */
  const refresh: Effect.Effect<boolean> = Effect.suspend(() => {
    if (asking !== undefined) return Deferred.await(asking)
    const mine = (asking = Deferred.makeUnsafe<boolean>())
    asked = now()
    return Effect.exit(read).pipe(
      Effect.flatMap((exit) => {
        asking = undefined
        if (Exit.isSuccess(exit)) return Deferred.succeed(mine, true)
        const wrong = exit.cause.reasons.flatMap((reason) => ("error" in reason ? [reason.error as Wrong] : []))[0]
        why = wrong?.message ?? "it could not be asked"
        return Effect.andThen(
          Effect.logWarning("the keys of the issuer of tokens were not read", { issuer, reason: why }),
          Deferred.succeed(mine, false)
        )
      }),
      Effect.forkDetach({ startImmediately: true }), // whoever asked may leave: others wait
      Effect.andThen(Deferred.await(mine))
    )
  })

  /** JK4 */
  const counting = (): Known | undefined => (known !== undefined && now() - known.at < KEPT ? known : undefined)

  const withKey = Effect.fnUntraced(function* (kid: string | undefined) {
    const stale = known === undefined || now() - known.at >= FRESH
    // Of an issuer that is slow, not every request waits for it while its keys are known.
    if (stale && now() - asked >= (counting() === undefined ? AGAIN : UNKNOWN)) yield* refresh
    else if (asking !== undefined && counting() === undefined) yield* refresh
    const unknown = kid !== undefined && counting()?.ids.has(kid) === false
    if (unknown && now() - askedForUnknown >= UNKNOWN) {
      askedForUnknown = now() // JK3
      yield* refresh
    } else if (unknown && asking !== undefined) yield* refresh
    const found = counting()
    if (found !== undefined) return found.find
    return yield* failure("IssuerUnavailable", `the keys of ${issuer} are not known: ${why}`, {
      details: { retryAfterMillis: AGAIN }
    })
  })

  const has = (print: string): boolean | undefined =>
    known?.prints.has(print) === true ? true : gone.has(print) ? false : undefined

  const stillHas = Effect.fnUntraced(function* (print: string) {
    const said = has(print)
    if (said !== undefined) return said
    if (known !== undefined && now() - known.at < UNKNOWN) return false // JK3
    wondered.add(print)
    for (const oldest of wondered) if (wondered.size > MOST) wondered.delete(oldest)
    if (now() - askedForUnknown >= UNKNOWN) {
      askedForUnknown = now() // JK3
      yield* Effect.forkDetach(refresh)
    }
    return true
  })

  yield* Effect.forkScoped(every("the keys of the issuer of tokens were not read", "10 minutes", refresh))
  return { withKey, generation: () => (counting() === undefined ? undefined : generation), has, stillHas }
})
