import { createHmac } from "node:crypto"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { calculateJwkThumbprint, exportSPKI, importJWK } from "jose"
import * as Verifier from "../../../../layers/Jose/access/TokenVerifier.ts"
import { TokenVerifier } from "../../../../src/access/TokenVerifier.ts"
import { FakeIssuer, type Signing, signing } from "../../../support/FakeIssuer.ts"

let issuer: FakeIssuer
let rsa: Signing
const others: Array<Signing> = []
beforeAll(async () => {
  rsa = await signing("RS256", "rsa")
  for (const alg of ["PS256", "ES256", "ES384", "EdDSA"]) others.push(await signing(alg, alg))
  issuer = await FakeIssuer.open(rsa, ...others)
}, 60_000)
afterAll(() => issuer[Symbol.asyncDispose]())

const ALL = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
const layer = (algorithms: ReadonlyArray<string> = ALL) =>
  Verifier.layer({ issuer: issuer.url, audience: "herald", algorithms, near: [issuer.address] })
const verify = (token: string) => Effect.flatMap(TokenVerifier, (verifier) => verifier!.verify(token))
const refused = (token: string) =>
  Effect.map(Effect.flip(verify(token)), (error) => {
    assert.strictEqual(error.name, "Unauthenticated", error.message)
    for (const part of token.split(".")) if (part.length > 8) assert.notInclude(error.message, part) // JV4
    return error.message
  })
const tokenOf = (...given: Parameters<FakeIssuer["token"]>) => Effect.promise(() => issuer.token(...given))
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const claims = () => ({ iss: issuer.url, aud: "herald", sub: "ann", exp: 3_600 })

describe("TokenVerifier", () => {
  it.effect("JV1 what is signed with an algorithm of the settings counts, with what it says", () =>
    Effect.gen(function* () {
      for (const one of [rsa, ...others]) {
        const found = yield* verify(yield* tokenOf(one, { groups: ["ops"], aud: ["x", "herald"] }))
        assert.deepStrictEqual([found.issuer, found.subject, found.until], [issuer.url, "ann", 3_600_000])
        assert.deepStrictEqual(found.claims["groups"], ["ops"])
      }
      assert.match(yield* refused(yield* tokenOf(rsa)).pipe(Effect.provide(layer(["ES256"]))), /not signed with ES256/)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("JK5 what signed it is known as its key, however the issuer writes that", () =>
    Effect.gen(function* () {
      const padded = (text: string) =>
        Buffer.concat([Buffer.of(0, 0), Buffer.from(text, "base64url")]).toString("base64url")
      const { n = "", e = "" } = rsa.jwk
      issuer.keys = [{ ...rsa.jwk, n: padded(n), e: padded(e) }, ...others.map(({ jwk }) => jwk)]
      const verifier = (yield* TokenVerifier)!
      for (const one of [rsa, ...others]) {
        const { signer } = yield* verify(yield* tokenOf(one))
        assert.strictEqual(signer, yield* Effect.promise(() => calculateJwkThumbprint(one.jwk)))
        assert.isTrue(verifier.has(signer), one.alg)
      }
    }).pipe(
      Effect.provide(layer()),
      Effect.ensuring(Effect.sync(() => (issuer.keys = [rsa, ...others].map(({ jwk }) => jwk))))
    )
  )

  it.effect("JV1 nothing without a signature counts, and none that was made with what is public", () =>
    Effect.gen(function* () {
      const key = yield* Effect.promise(async () => exportSPKI((await importJWK(rsa.jwk, "RS256")) as CryptoKey))
      const hmac = (alg: string, secret: string) => {
        const said = `${part({ alg, kid: "rsa" })}.${part(claims())}`
        return `${said}.${createHmac(alg === "HS256" ? "sha256" : "sha512", secret)
          .update(said)
          .digest("base64url")}`
      }
      const right = yield* tokenOf(rsa)
      const [head = "", said = "", mark = ""] = right.split(".")
      const forged = [
        `${part({ alg: "none" })}.${part(claims())}.`,
        `${part({ alg: "None", kid: "rsa" })}.${part(claims())}.`,
        `${part({ alg: "none" })}.${said}.${mark}`,
        hmac("HS256", key),
        hmac("HS512", JSON.stringify(rsa.jwk)),
        `${head}.${part({ ...claims(), sub: "root" })}.${mark}`,
        `${head}.${said}.`,
        `${head}.${said}.${mark.slice(0, -4)}AAAA`,
        `${part({ alg: "RS256", kid: "ES256" })}.${said}.${mark}`,
        `${part({ alg: ["RS256"], kid: "rsa" })}.${said}.${mark}`,
        `${part([])}.${said}.${mark}`,
        `..`,
        `e30.e30.`
      ]
      for (const one of forged) yield* refused(one)
      assert.strictEqual((yield* verify(right)).subject, "ann")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("JK1 what a token says of keys is not looked at, and what has to be understood and is not is refused", () =>
    Effect.gen(function* () {
      const own = yield* Effect.promise(() => signing("RS256", "rsa"))
      yield* Effect.acquireUseRelease(
        Effect.promise(() => FakeIssuer.open(own)),
        (evil) =>
          Effect.gen(function* () {
            const headers = [
              { jku: `${evil.url}/jwks` },
              { x5u: `${evil.url}/jwks` },
              { jwk: own.jwk },
              { jku: `${evil.url}/jwks`, kid: "evil" },
              { x5c: ["MIIB"] }
            ]
            for (const header of headers) yield* refused(yield* tokenOf(own, {}, header))
            assert.deepStrictEqual(evil.asked, [])
          }),
        (evil) => Effect.promise(() => evil[Symbol.asyncDispose]())
      )
      const harmless = yield* verify(yield* tokenOf(rsa, {}, { jku: "https://evil.example/jwks" }))
      assert.strictEqual(harmless.subject, "ann")
      const unknown = `${part({ alg: "RS256", kid: "rsa", crit: ["exp2"], exp2: 1 })}.${part(claims())}.AAAA`
      yield* refused(unknown)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("JV2 it is of this issuer, for this audience, and a token for access or identity", () =>
    Effect.gen(function* () {
      assert.match(yield* refused(yield* tokenOf(rsa, { iss: "https://other.example" })), /another issuer/)
      assert.match(yield* refused(yield* tokenOf(rsa, { iss: `${issuer.url}/` })), /another issuer/)
      assert.match(yield* refused(yield* tokenOf(rsa, { aud: "other" })), /another audience/)
      assert.match(yield* refused(yield* tokenOf(rsa, { aud: undefined })), /audience|aud/)
      for (const typ of [
        "logout+jwt",
        "secevent+jwt",
        "application/logout+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
        "",
        7
      ])
        assert.match(yield* refused(yield* tokenOf(rsa, {}, { typ })), /something else/)
      const backchannel = { "http://schemas.openid.net/event/backchannel-logout": {} }
      for (const typ of [undefined, "JWT", "at+jwt"]) {
        const header = typ === undefined ? {} : { typ }
        assert.match(yield* refused(yield* tokenOf(rsa, { events: backchannel }, header)), /end of a session/)
        for (const claim of ["nonce", "c_hash", "s_hash"])
          assert.match(yield* refused(yield* tokenOf(rsa, { [claim]: "n" }, header)), /identity/)
        assert.match(yield* refused(yield* tokenOf(rsa, { cnf: { jkt: "x" } }, header)), /proof of a key/)
      }
      for (const sub of [undefined, "", 7, "x".repeat(256)]) yield* refused(yield* tokenOf(rsa, { sub }))
      for (const typ of ["JWT", "at+jwt", "application/at+jwt"]) yield* verify(yield* tokenOf(rsa, {}, { typ }))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("JV3 it ends, within 24 h, and has begun; clocks may differ by 30 s", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100_000_000)
      const at = (claims: Readonly<Record<string, unknown>>) => tokenOf(rsa, claims, {}, 100_000)
      for (const exp of [undefined, "200000", 100_000 - 30, 100_000 + 86_431, Number.MAX_SAFE_INTEGER])
        yield* refused(yield* at({ exp }))
      for (const exp of [100_000 - 29, 100_000, 100_000 + 86_400]) yield* verify(yield* at({ exp }))
      yield* verify(yield* at({ nbf: 100_030 }))
      assert.match(yield* refused(yield* at({ nbf: 100_031 })), /not begun/)
      assert.match(yield* refused(yield* at({ exp: 99_000 })), /expired/)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("JV4 what is wrong is said without a word of the token", () =>
    Effect.gen(function* () {
      const token = yield* tokenOf(rsa, { sub: "a-secret-subject", exp: "an-odd-time", "\u001b[31m": 1 })
      const said = yield* refused(token)
      for (const word of ["secret", "odd", "\u001b"]) assert.notInclude(said, word)
      assert.match(said, /exp/)
    }).pipe(Effect.provide(layer()))
  )
})
