/** Client certificates as identities at both doors of a real server, by clients of Node, grpc-js, curl and the SDK: whom they stand for, and when no more. */
import { spawnSync } from "node:child_process"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2"
import { request } from "node:https"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { Authority, type Issued } from "../support/Authority.ts"
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const folder = newFolder()
const [ca, crl, cert, key] = ["clients.pem", "clients.crl", "live.pem", "live.key"].map((file) =>
  join(folder.path, file)
) as [string, string, string, string]
const identities = [
  {
    san: "spiffe://prod/publisher/*",
    grant: { role: "publisher", environments: ["production"], keys: ["pay.*"] },
    name: "publishers"
  },
  { san: "spiffe://prod/agent/*", grant: { role: "subscriber", environments: ["production"] } },
  { san: "*.agents.example", grant: { role: "viewer", environments: ["*"] } }
]

let own: Certificates
let [authority, stranger]: [Authority, Authority] = [undefined as never, undefined as never]
let server: Server
beforeAll(async () => {
  own = makeCertificates(folder.path)
  authority = new Authority(folder.path, "clients")
  stranger = new Authority(folder.path, "stranger")
  copyFileSync(own.certificate, cert)
  copyFileSync(own.key, key)
  writeFileSync(ca, authority.pem)
  writeFileSync(crl, authority.revoked())
  const tls = { TLS_CERT: cert, TLS_KEY: key, TLS_CLIENT_CA: ca, TLS_CLIENT_CRL: crl }
  server = await new Server({ ...tls, HERALD_TLS_IDENTITIES: JSON.stringify(identities) }).start()
})
afterAll(async () => {
  await server.end("SIGTERM")
  folder.remove()
})

interface Said {
  readonly status: number
  readonly code: string | undefined
}
/** Undefined: the connection was closed on it. */
type Answer = Said | undefined

const path = (name: string) => `/v1/config/${name}?environment=production`
const pairOf = (issued: Issued | undefined) =>
  issued === undefined ? {} : { cert: readFileSync(issued.certificate), key: readFileSync(issued.key) }
const bodyOf = (value: unknown) => JSON.stringify({ value })
const saidOf = (status: number, text: string): Said => ({ status, code: /"code":"(HRLD-\d+)"/.exec(text)?.[1] })

const byHttp1 = (issued: Issued | undefined, name: string, headers = {}, value?: unknown): Promise<Answer> =>
  new Promise((resolve) => {
    const asked = request(
      server.http + path(name),
      {
        ...{ ca: own.trusted.ca, ...pairOf(issued), agent: false, method: value === undefined ? "GET" : "PUT" },
        headers: { "content-type": "application/json", ...headers }
      },
      (answer) => {
        let text = ""
        answer.setEncoding("utf8").on("data", (piece) => (text += piece))
        answer.on("end", () => resolve(saidOf(answer.statusCode!, text)))
      }
    )
    asked.on("error", () => resolve(undefined))
    asked.end(value === undefined ? undefined : bodyOf(value))
  })

const askedOn = (session: ClientHttp2Session, name: string): Promise<Answer> =>
  new Promise((resolve) => {
    let text = ""
    let status: number | undefined
    const stream = session.request({ ":path": path(name) })
    stream.setEncoding("utf8").on("data", (piece) => (text += piece))
    stream.on("error", () => {}).on("response", (head) => (status = Number(head[":status"])))
    stream.on("close", () => resolve(status === undefined ? undefined : saidOf(status, text)))
  })
const sessionOf = (issued?: Issued) =>
  connectHttp2(server.http, { ca: own.trusted.ca, ...pairOf(issued) }).on("error", () => {})
const byHttp2 = async (issued: Issued | undefined, name: string): Promise<Answer> => {
  const session = sessionOf(issued)
  const said = await askedOn(session, name)
  session.destroy()
  return said
}

const clientOf = (issued: Issued | undefined, states: Array<string> = [], token?: string) =>
  HeraldClient.connect({
    ...{ address: server.grpc, service: "pay.db", instance: Math.random().toString(36), environment: "production" },
    ...(token === undefined ? {} : { token }),
    tls: {
      rootCertificates: own.trusted.ca,
      ...(issued === undefined
        ? {}
        : { certificateChain: readFileSync(issued.certificate), privateKey: readFileSync(issued.key) })
    },
    reconnect: { capMillis: 500 },
    onStateChange: (state) => states.push(state)
  })

/** Whether the gRPC door says nothing to it. */
const isClosedOn = (issued: Issued): Promise<boolean> =>
  new Promise((resolve) => {
    const session = connectHttp2(`https://${server.grpc}`, { ca: own.trusted.ca, ...pairOf(issued) })
    session.on("error", () => {}).once("close", () => resolve(true))
    session.once("remoteSettings", () => {
      resolve(false)
      session.destroy()
    })
  })

const publisher = () => authority.issue("URI:spiffe://prod/publisher/one")
const agent = (until?: number) => authority.issue("URI:spiffe://prod/agent/one", until === undefined ? {} : { until })
/** Milliseconds: A8 */
const SOON = 6_000

describe("client certificates", () => {
  it("CT1 XN1 over HTTP/1.1, HTTP/2 and by curl a certificate may what its rule gives, and nothing else", async () => {
    const mine = publisher()
    assert.deepStrictEqual(await byHttp1(mine, "pay.db", {}, 1), { status: 200, code: undefined })
    assert.deepStrictEqual(await byHttp1(mine, "other.db", {}, 1), { status: 403, code: "HRLD-3002" })
    assert.strictEqual((await byHttp1(agent(), "pay.db"))?.status, 200)
    assert.deepStrictEqual(await byHttp1(agent(), "pay.db", {}, 2), { status: 403, code: "HRLD-3002" })
    assert.strictEqual((await byHttp2(agent(), "pay.db"))?.status, 200)
    assert.strictEqual((await byHttp2(authority.issue("DNS:x.agents.example"), "pay.db"))?.status, 200)
    const { certificate, key } = agent()
    const curl = spawnSync("curl", [
      "-sS",
      "--cacert",
      own.ca,
      "--cert",
      certificate,
      "--key",
      key,
      server.http + path("pay.db")
    ])
    assert.include(String(curl.stdout), '"key":"pay.db"')
    const audit = spawnSync("curl", [
      ...["-sS", "--cacert", own.ca, "-H", `authorization: Bearer ${server.token}`],
      `${server.http}/v1/audit?limit=20`
    ])
    assert.include(String(audit.stdout), "x509:publishers") // XN2
  })

  it("CT1 A1 without a rule, or without a certificate, it is nobody, whatever a proxy's headers say; a token may still sign in", async () => {
    const other = authority.issue("URI:spiffe://test/agent/one,DNS:agents.example")
    const forged = {
      ...{
        "x-forwarded-client-cert": "URI=spiffe://prod/publisher/one",
        "x-client-cert": "spiffe://prod/publisher/one"
      },
      ...{ "ssl-client-subject-dn": "CN=publisher", forwarded: 'for="spiffe://prod/publisher/one"' }
    }
    for (const who of [other, undefined]) {
      assert.deepStrictEqual(await byHttp1(who, "pay.db"), { status: 401, code: "HRLD-3001" })
      assert.deepStrictEqual(await byHttp1(who, "pay.db", forged), { status: 401, code: "HRLD-3001" })
      assert.deepStrictEqual(await byHttp2(who, "pay.db"), { status: 401, code: "HRLD-3001" })
      const authorization = `Bearer ${server.token}`
      assert.strictEqual((await byHttp1(who, "pay.db", { authorization }))?.status, 200)
    }
    for (const page of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }])
      assert.deepStrictEqual(await byHttp1(publisher(), "pay.db", page, 1), { status: 401, code: "HRLD-3001" }) // YX1
    assert.deepStrictEqual(await byHttp1(publisher(), "pay.db", { authorization: "Bearer wrong" }), {
      ...{ status: 401, code: "HRLD-3001" } // a token that comes along says who calls
    })
  })

  it("LV4 an unknown authority, one that ended, one that has not begun and one that was revoked: closed at both doors", async () => {
    const revoked = agent()
    authority.revoke(revoked)
    writeFileSync(crl, authority.revoked())
    await waitUntil("the list to count", async () => (await byHttp1(revoked, "pay.db")) === undefined || undefined)
    assert.isFalse(await isClosedOn(agent()))
    for (const [what, wrong] of [
      ["unknown", stranger.issue("URI:spiffe://prod/agent/one")],
      ["ended", agent(Date.now() - 2_000)],
      ["early", authority.issue("URI:spiffe://prod/agent/one", { from: Date.now() + 3_600_000 })],
      ["revoked", revoked]
    ] as const) {
      assert.isUndefined(await byHttp1(wrong, "pay.db"), what)
      assert.isUndefined(await byHttp2(wrong, "pay.db"), what)
      assert.isTrue(await isClosedOn(wrong), what)
    }
  })

  it("XM1 A8 streams by a certificate go on while files change, half-written ones too, and end once it is revoked", async () => {
    const [kept, lost] = [agent(), agent()]
    const states: Array<string> = []
    await using staying = await clientOf(kept, states)
    await using going = await clientOf(lost)
    await waitUntil("both to be live", () => (staying.state === "live" && going.state === "live") || undefined)
    const session = sessionOf(lost)
    assert.strictEqual((await askedOn(session, "pay.db"))?.status, 200)

    const whole = authority.revoked()
    for (const [file, text] of [
      [crl, whole.slice(0, -50)],
      [ca, authority.pem.slice(0, -30)],
      [cert, "half"]
    ] as const)
      writeFileSync(file, text)
    await waitUntil(
      "it to be told",
      () => /lists for client certificates were not renewed/.test(server.output) || undefined
    )
    writeFileSync(ca, authority.pem)
    copyFileSync(own.certificate, cert)
    copyFileSync(own.key, key)
    assert.strictEqual(staying.state, "live")
    assert.strictEqual((await askedOn(session, "pay.db"))?.status, 200)

    authority.revoke(lost)
    writeFileSync(crl, authority.revoked())
    const since = performance.now()
    await waitUntil("the stream to end", () => going.state !== "live" || undefined)
    assert.isBelow(performance.now() - since, SOON + 4_000)
    assert.deepInclude(await askedOn(session, "pay.db"), { status: 401 })
    session.destroy()
    assert.strictEqual(staying.state, "live")
    assert.deepStrictEqual(states.filter((state) => state === "live").length, 1)
  })

  it("A8 a stream ends with its certificate, a feed and a connection with it", async () => {
    const until = Math.ceil(Date.now() / 1_000) * 1_000 + 5_000
    const short = agent(until)
    const seen: Array<string> = []
    const client = await clientOf(short, seen)
    const session = sessionOf(short)
    const feed = session.request({ ":path": "/v1/events?environment=production" })
    let over = 0
    feed
      .on("error", () => {})
      .on("close", () => (over = Date.now()))
      .resume()
    await waitUntil("the client to be live", () => client.state === "live" || undefined)
    await waitUntil("the stream to end", () => client.state !== "live" || undefined)
    assert.isBelow(Date.now(), until + SOON)
    await waitUntil("the feed to end", () => over > 0 || undefined)
    assert.isBelow(over, until + SOON)
    session.destroy()
    await client.close()
  })
})
