/** An issuer of tokens in memory: what it would have verified, by the token's text. */
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { Access } from "../../src/access/Access.ts"
import type { ClaimRule } from "../../src/access/ClaimRules.ts"
import { TokenVerifier, type VerifiedToken } from "../../src/access/TokenVerifier.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { FaultyKeys } from "../support/FaultyKeys.ts"

export const ISSUER = "https://login.example.com/realms/a"

export const ops: ClaimRule = {
  claim: "realm_access.roles",
  value: "ops",
  grant: { role: "publisher", environments: ["production", "staging"], keys: ["payments.*"], kinds: ["config", "flag"] }
}

export const isNamed = (error: HeraldError, name: HeraldError["name"]): void =>
  assert.strictEqual(error.name, name, error.message)

export class Issuer {
  readonly tokens = new Map<string, VerifiedToken>()
  readonly asked: Array<string> = []
  away = false
  /** A node that did not see its keys yet. */
  unseen = false
  generation: number | undefined = 0
  /** What signs its tokens. */
  signer = "one"
  /** What it took back. */
  readonly gone = new Set<string>()

  /** The text of a token for a subject that is in this group. */
  token(subject: string, until: number, claims: Readonly<Record<string, unknown>> = {}): string {
    const said = { realm_access: { roles: ["ops"] }, ...claims }
    const text = `eyJ.${Buffer.from(`${subject} ${until} ${JSON.stringify(said)}`).toString("base64url")}.c2ln`
    this.tokens.set(text, {
      ...{ issuer: ISSUER, subject, until, claims: { ...said, sub: subject } },
      signer: this.signer
    })
    return text
  }

  readonly layer = Layer.succeed(TokenVerifier, {
    issuer: ISSUER,
    generation: () => this.generation,
    has: (signer) => (this.gone.has(signer) ? false : this.unseen ? undefined : true),
    stillHas: (signer) =>
      Effect.sync(() => {
        this.asked.push(signer)
        return !this.gone.has(signer)
      }),
    verify: (token) =>
      Effect.suspend(() => {
        this.asked.push(token)
        if (this.away) return Effect.fail(failure("IssuerUnavailable", "away"))
        const found = this.tokens.get(token)
        return found === undefined ? Effect.fail(failure("Unauthenticated", "wrong")) : Effect.succeed(found)
      })
  })
}

export const startWith = (
  issuer: Issuer,
  options: {
    readonly rules?: ReadonlyArray<ClaimRule>
    readonly nameClaim?: string
    readonly pepper?: string
    readonly store?: FaultyKeys
    readonly shared?: (address: string) => boolean
    /** False: there is no issuer in the settings. */
    readonly trusted?: boolean
  } = {}
) => {
  const {
    rules = [ops],
    nameClaim,
    pepper = "p",
    store = new FaultyKeys(),
    shared = () => false,
    trusted = true
  } = options
  const access = Access.layer({ pepper, ratePerSecond: 10_000, burst: 10_000, shared, jwt: { rules, nameClaim } })
  return {
    store,
    layer: access.pipe(Layer.provide([store.layer, KeyHash.layer, trusted ? issuer.layer : Layer.empty]))
  }
}
