/**
 * Every route by whoever has no API key: by a token of the issuer, a service token, a client certificate; and by such as are no longer, or never were, good.
 * As Matrix.test.ts, with fewer grants. The issuer answers on a socket, and certificates are checked as the doors' are.
 */
import { createHmac, X509Certificate } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as Verifier from "../../../layers/Jose/access/TokenVerifier.ts"
import * as Checked from "../../../layers/Sockets/access/Certificates.ts"
import { type Certificate, Certificates } from "../../../src/access/Certificates.ts"
import type { Grant } from "../../../src/access/Decision.ts"
import type { Identity } from "../../../src/access/Identity.ts"
import { seal } from "../../../src/access/ServiceToken.ts"
import { Authority, type Issued } from "../../support/Authority.ts"
import { FakeIssuer, type Signing, signing } from "../../support/FakeIssuer.ts"
import { newFolder } from "../../support/folder.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { ask, endpoints, expectedOf, places, rowsOf, tookOf } from "./EveryRoute.ts"
import { startRoutes } from "./Harness.ts"

const grants: Readonly<Record<string, Grant>> = {
  admin: { role: "admin", environments: ["*"] },
  narrow: { role: "publisher", environments: ["production"], keys: ["mine.*"], kinds: ["config"] },
  viewer: { role: "viewer", environments: ["staging"] }
}

const folder = newFolder()
const at = (file: string) => join(folder.path, file)
let issuer: FakeIssuer
let [one, stranger]: [Signing, Signing] = [undefined as never, undefined as never]
/** What the connection shows. */
let certificate: Certificate | undefined
let known: Layer.Layer<never>
const doors: Array<Awaited<ReturnType<typeof startRoutes>>> = []
let door: (typeof doors)[number]

const open = async () => {
  const rules = Object.entries(grants).map(([value, grant]) => ({ claim: "groups", value, grant }))
  const others = { jwt: { rules, nameClaim: undefined }, known }
  const made = await startRoutes([], {}, undefined, undefined, others)
  doors.push(made)
  return made
}
const shownOf = ({ certificate: file }: Issued): Certificate => {
  const { raw, subjectAltName = "", validFrom } = new X509Certificate(readFileSync(file))
  return { subjectAltNames: subjectAltName.split(", "), notBefore: Date.parse(validFrom), der: raw, beside: [] }
}
const shown = new Map<string, Certificate>()

beforeAll(async () => {
  one = await signing("ES256", "one")
  stranger = await signing("ES256", "one")
  issuer = await FakeIssuer.open(one)
  const [authority, other] = [new Authority(folder.path, "clients"), new Authority(folder.path, "others")]
  writeFileSync(at("clients.pem"), authority.pem)
  for (const name of [...Object.keys(grants), "revoked", "nobody"])
    shown.set(name, shownOf(authority.issue(`URI:spiffe://matrix/${name}`)))
  shown.set("ended", shownOf(authority.issue("URI:spiffe://matrix/admin", { until: Date.now() - 60_000 })))
  shown.set("strange", shownOf(other.issue("URI:spiffe://matrix/admin")))
  const revoked = authority.issue("URI:spiffe://matrix/admin")
  shown.set("revoked", shownOf(revoked))
  authority.revoke(revoked)
  writeFileSync(at("clients.crl"), authority.revoked())
  const identities = Object.entries(grants).map(([name, grant]) => ({ san: `spiffe://matrix/${name}`, grant }))
  const certificates = Checked.layer({
    ...{ authorities: [[at("clients.pem"), "TLS_CLIENT_CA"]], crl: at("clients.crl") },
    identities: JSON.stringify(identities)
  })
  known = Layer.mergeAll(
    Verifier.layer({ issuer: issuer.url, audience: "herald", algorithms: ["ES256"], near: [issuer.address] }),
    Layer.effect(
      Certificates,
      Effect.map(Certificates, (real) => ({ ...real, of: () => certificate }))
    ).pipe(Layer.provide(certificates))
  ) as unknown as Layer.Layer<never>
  door = await open()
})
afterAll(async () => {
  for (const one of doors) await one.dispose()
  await issuer[Symbol.asyncDispose]()
  folder.remove()
})

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const seconds = () => Math.floor(Date.now() / 1_000)
const jwt = (claims: object, by = one) => issuer.token(by, { groups: ["admin"], ...claims }, {}, seconds())
const exchanged = async (headers: Record<string, string>, more: object = {}) => {
  const body = { lifeMillis: 3_600_000, ...more }
  const made = await door.call("POST", "/v1/token", { as: "nobody", headers, body })
  assert.strictEqual(made.status, 201, made.text)
  return bearer(made.body.token)
}

/** How somebody shows that they may what a grant says. */
const ways: Readonly<Record<string, (name: string) => Promise<Record<string, string>>>> = {
  "a token of the issuer": async (name) => bearer(await jwt({ groups: [name], sub: name })),
  "a certificate": async (name) => {
    certificate = shown.get(name)
    return {}
  },
  "a service token of a token of the issuer": async (name) =>
    exchanged(bearer(await jwt({ groups: [name], sub: name }))),
  "a service token that may less than its key": async (name) =>
    exchanged(bearer(door.tokens.get("admin")!), grants[name]),
  "a service token that may less than its certificate": async (name) => {
    certificate = shown.get("admin")
    const headers = await exchanged({}, grants[name])
    certificate = undefined
    return headers
  }
}

describe("every route by whoever has no API key", () => {
  for (const [way, how] of Object.entries(ways))
    for (const [name, grant] of Object.entries(grants))
      it(`DN1 DN3 by ${way}: ${name}`, async () => {
        const headers = await how(name)
        const identity: Identity = { name, keyId: "k", ...grant }
        const took: Record<string, string> = {}
        const expected: Record<string, string> = {}
        for (const [id, endpoint] of endpoints)
          for (const [at, row] of rowsOf(id).entries())
            for (const place of [places[0]!, places.at(-1)!]) {
              if (endpoint.need === undefined) continue
              const who = `${id} ${at}: ${place.key} in ${place.environment}`
              took[who] = tookOf(await ask(door, endpoint, row, place, headers))
              expected[who] = expectedOf(identity, endpoint.need, row, place) ? "let in" : "403 HRLD-3002"
            }
        certificate = undefined
        assert.isAbove(Object.keys(took).length, 200)
        assert.deepStrictEqual(took, expected)
      })
})

describe("whoever shows what is not, or no longer, good", () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const claims = () => ({ iss: issuer.url, aud: "herald", sub: "a", groups: ["admin"], exp: seconds() + 3_600 })
  /** As a node makes them, of the tests' pepper. */
  const sealed = (identity: Identity, until: number, pepper = "pepper") => {
    const hash = (key: string, text: string) => createHmac("sha256", key).update(text).digest("hex")
    return bearer(`hrst_${seal(identity, until, { hash: (text) => hash(hash(pepper, "service tokens"), text) })}`)
  }
  const admin = (keyId: string): Identity => ({ name: "a", keyId, role: "admin", environments: ["*"] })
  const keyIn = (name: string) => door.tokens.get(name)!.split("_")[1]!
  const byCertificate = (name: string) => async () => {
    certificate = shown.get(name)
    assert.isDefined(certificate)
    return {}
  }
  const wrongs: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
    "a token of the issuer that ended": async () => bearer(await jwt({ exp: seconds() - 31 })),
    "a token of the issuer for another audience": async () => bearer(await jwt({ aud: "another" })),
    "a token of another issuer": async () => bearer(await jwt({ iss: "https://elsewhere.example" })),
    "a token signed by somebody else": async () => bearer(await jwt({}, stranger)),
    "a token with alg none": async () => bearer(`${part({ alg: "none", kid: "one" })}.${part(claims())}.`),
    "a token by a secret": async () => {
      const said = `${part({ alg: "HS256", kid: "one" })}.${part(claims())}`
      return bearer(`${said}.${createHmac("sha256", JSON.stringify(one.jwk)).update(said).digest("base64url")}`)
    },
    "a service token that ended": async () => sealed(admin(keyIn("admin")), Date.now() - 60_000),
    "a service token of a revoked key": async () => sealed(admin(keyIn("revoked")), Date.now() + 60_000),
    "a service token of an ended key": async () => sealed(admin(keyIn("expired")), Date.now() + 60_000),
    "a service token of another pepper": async () => sealed(admin(keyIn("admin")), Date.now() + 60_000, "other"),
    "a service token of a token whose key is not the issuer's": async () => {
      const headers = sealed({ ...admin("jwt:0123456789abcdef:01234567"), signer: "gone" }, Date.now() + 60_000)
      // It may be one of the issuer's that is new: that is asked aside.
      const asked = () => door.call("GET", "/v1/access/whoami", { as: "nobody", headers })
      await waitUntil("the issuer to answer", async () => (await asked()).status === 401)
      return headers
    },
    "a certificate that ended": byCertificate("ended"),
    "a certificate that was revoked": byCertificate("revoked"),
    "a certificate of strangers": byCertificate("strange"),
    "a certificate that no rule names": byCertificate("nobody"),
    "a certificate, at the wish of a page": async () => {
      certificate = shown.get("admin")
      return { "sec-fetch-site": "cross-site", origin: "https://evil.example" }
    }
  }
  for (const [what, how] of Object.entries(wrongs))
    it(`A1 A8 R2 by ${what}: refused at every route`, async () => {
      const headers = await how()
      // Wrong tokens of whom no address is known have a limit together, and here time stands still.
      const its = what.startsWith("a token") ? await open() : door
      const took: Record<string, string> = {}
      for (const [id, endpoint] of endpoints) {
        if (endpoint.need === undefined) continue
        took[id] = tookOf(await ask(its, endpoint, rowsOf(id)[0]!, places[0]!, headers))
      }
      certificate = undefined
      assert.isAbove(Object.keys(took).length, 100)
      assert.deepStrictEqual(took, Object.fromEntries(Object.keys(took).map((id) => [id, "401 HRLD-3001"])))
    })
})
