/** What ends with a credential: at each door, whichever it is, and nothing else. */
import { copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { Authority } from "../support/Authority.ts"
import { makeCertificates } from "../support/Certificates.ts"
import { ask, type Credential, DOORS, type Door, openAll, type Place, poll, type Stream } from "../support/EveryDoor.ts"
import { FakeIssuer, type Signing, signing } from "../support/FakeIssuer.ts"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const folder = newFolder()
const at = (file: string) => join(folder.path, file)
let [server, issuer, authority]: [Server, FakeIssuer, Authority] = [
  undefined as never,
  undefined as never,
  undefined as never
]
let [one, two]: [Signing, Signing] = [undefined as never, undefined as never]
let place: Place
let admin: Credential
const opened: Array<Stream> = []
/** Streams of whom nothing ends. */
let others: ReadonlyMap<Door, Stream>

const grant = { role: "subscriber", environments: ["production"] }
const rules = {
  HERALD_TLS_IDENTITIES: [{ san: "spiffe://prod/*", grant }],
  HERALD_OIDC_ROLES: [{ claim: "groups", value: "ends", grant }]
}

beforeAll(async () => {
  const own = makeCertificates(folder.path)
  authority = new Authority(folder.path, "clients")
  one = await signing("ES256", "one")
  two = await signing("ES256", "two")
  issuer = await FakeIssuer.open(one)
  copyFileSync(authority.certificate, at("clients.pem"))
  writeFileSync(at("clients.crl"), authority.revoked())
  server = await new Server({
    ...{ TLS_CERT: own.certificate, TLS_KEY: own.key },
    ...{ TLS_CLIENT_CA: at("clients.pem"), TLS_CLIENT_CRL: at("clients.crl") },
    ...{ HERALD_OIDC_ISSUER: issuer.url, HERALD_OIDC_AUDIENCE: "herald", HERALD_OIDC_NEAR: issuer.address },
    HERALD_OIDC_ALGORITHMS: "ES256",
    ...Object.fromEntries(Object.entries(rules).map(([name, value]) => [name, JSON.stringify(value)]))
  }).start()
  place = { http: server.http, grpc: server.grpc, ca: own.trusted.ca }
  admin = { token: server.token }
  const flag = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "on" }
  const put = await ask(place, admin, "PUT", "/v1/flags/ends.flag?environment=production", { value: flag })
  assert.strictEqual(put?.status, 200, JSON.stringify(put?.body))
  const value = await ask(place, admin, "PUT", "/v1/config/ends.key?environment=production", { value: 1 })
  assert.strictEqual(value?.status, 200)
  others = await open(admin)
})
afterAll(async () => {
  for (const stream of opened) await stream.close()
  await server.end("SIGTERM")
  await issuer[Symbol.asyncDispose]()
  folder.remove()
})

const all = async (shown: Credential) => {
  const streams = await openAll(place, shown)
  if (typeof streams !== "string") opened.push(...streams.values())
  return streams
}
const open = async (shown: Credential) => {
  const streams = await all(shown)
  if (typeof streams === "string") assert.fail(`it is good: ${streams}`)
  return streams
}
/** By a credential that lasts so many milliseconds: for longer, where this machine was too slow to open them all. */
const openFor = async (made: (until: number) => Promise<Credential> | Credential, life = 6_000) => {
  for (let lasts = life; ; lasts *= 2) {
    const shown = await made(Math.ceil((Date.now() + lasts) / 1_000) * 1_000)
    const streams = await all(shown)
    if (typeof streams !== "string") return { shown, streams }
    assert.isBelow(lasts, 120_000, streams)
  }
}
const keyOf = async (name: string, add: boolean): Promise<{ readonly id: string; readonly token: string }> => {
  const made = await ask(place, admin, "POST", "/v1/keys", { name, ...grant, add })
  assert.strictEqual(made?.status, 201, JSON.stringify(made?.body))
  return { id: made!.body.key.id, token: made!.body.token }
}
const jwt = async (by: Signing, until = Date.now() + 3_600_000): Promise<Credential> => ({
  token: await issuer.token(by, { groups: ["ends"], sub: "ann", exp: Math.ceil(until / 1_000) })
})
const certificate = (until?: number): Credential => ({
  issued: authority.issue("URI:spiffe://prod/ends", until === undefined ? {} : { until })
})

/** All of them end, saying why where that can be said, and nobody is let in by it any more; others go on, and somebody else comes. */
const endWith = async (shown: Credential, streams: ReadonlyMap<Door, Stream>, code: string, next: Credential) => {
  await waitUntil("all to end", () => [...streams.values()].every((stream) => stream.ended() !== undefined), 120_000)
  const why = Object.fromEntries([...streams].map(([door, stream]) => [door, stream.ended() ?? ""]))
  for (const door of ["client", "grpc-js", "WebSocket", "SSE"] as const) assert.include(why[door], code, door)
  assert.match(why["WebSocket"]!, /^4401 /)
  assert.match(why["SSE"]!, /event: end\n/)
  const polled = await poll(place, shown)
  if ("token" in shown) assert.deepInclude([polled?.status, polled?.body.code], "HRLD-3001")
  else assert.isUndefined(polled, "a connection with it is closed")
  for (const door of DOORS) assert.isUndefined(others.get(door)!.ended(), `somebody else's stream by ${door}`)
  for (const stream of (await open(next)).values()) await stream.close()
}

describe("what a credential opened", () => {
  it("A3 FF4 FT4 ends at every door when its API key is revoked, and what was made of it", async () => {
    const { id, token } = await keyOf("ends", false)
    const beside = await keyOf("ends", true)
    const shown = { token }
    const made = await ask(place, shown, "POST", "/v1/token", { lifeMillis: 3_600_000 })
    const short = { token: made!.body.token as string }
    const [streams, ofShort] = [await open(shown), await open(short)]
    assert.include([200, 204], (await ask(place, admin, "DELETE", `/v1/keys/${id}`))?.status)
    await endWith(shown, streams, "HRLD-5005", { token: beside.token })
    await endWith(short, ofShort, "HRLD-3076", { token: beside.token })
  })

  it("A8 ends at every door with a token's exp, and with a certificate's notAfter", async () => {
    const [byToken, byCertificate] = await Promise.all([
      openFor((until) => jwt(one, until - 30_000)), // UW4
      openFor(certificate)
    ])
    await endWith(byToken.shown, byToken.streams, "HRLD-3076", await jwt(one))
    await endWith(byCertificate.shown, byCertificate.streams, "HRLD-3076", certificate())
  })

  it("XM1 A8 ends at every door when its certificate comes on the list of revoked ones", async () => {
    const shown = certificate()
    const streams = await open(shown)
    authority.revoke("issued" in shown ? shown.issued : (undefined as never))
    writeFileSync(at("clients.crl"), authority.revoked())
    await endWith(shown, streams, "HRLD-3076", certificate())
  })

  it("JK5 UW5 JY2 ends at every door when the issuer takes back the key that signed it, and what was made of it", async () => {
    const shown = await jwt(one)
    const made = await ask(place, shown, "POST", "/v1/token", { lifeMillis: 3_600_000 })
    const short = { token: made!.body.token as string }
    const [streams, ofShort] = [await open(shown), await open(short)]
    let current = shown
    let lives = 0
    await using client = await HeraldClient.connect({
      ...{ address: place.grpc, tls: { rootCertificates: place.ca }, service: "ends.svc", instance: "asks" },
      token: async () => ("token" in current ? current.token : undefined),
      onStateChange: (state) => void (state === "live" && lives++)
    })
    await waitUntil("a client to be live", () => lives === 1)
    issuer.keys = [two.jwk]
    const next = await jwt(two) // whose key nobody asked for yet
    current = next
    assert.strictEqual((await poll(place, next))?.status, 200)
    await endWith(shown, streams, "HRLD-3076", next)
    await endWith(short, ofShort, "HRLD-3076", next)
    await waitUntil("a client that asks for its token to be back", () => lives === 2 && client.state === "live")
  })
})
