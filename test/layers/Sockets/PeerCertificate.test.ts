import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { certificateOf, isWrong, namesIn, refusing } from "../../../layers/Sockets/PeerCertificate.ts"
import type { Certificate } from "../../../src/access/Certificates.ts"
import { Authority, type Issued } from "../../support/Authority.ts"
import { makeCertificates } from "../../support/Certificates.ts"
import { newFolder } from "../../support/folder.ts"

const folder = newFolder()
const own = makeCertificates(folder.path)
const root = new Authority(folder.path, "root")
const middle = new Authority(folder.path, "middle", root)
const stranger = new Authority(folder.path, "stranger")

let server: Server
/** What the server saw of the connections so far. */
const seen: Array<{ certificate: Certificate | undefined; isWrong: boolean; again: boolean; isRefused: boolean }> = []
const refused = refusing({
  whyNot: ({ subjectAltNames }) => (subjectAltNames.includes("DNS:revoked") ? "no" : undefined)
})

beforeAll(async () => {
  const options = { cert: readFileSync(own.certificate), key: readFileSync(own.key), ca: root.pem }
  server = createServer({ ...options, requestCert: true, rejectUnauthorized: false }, (socket) => {
    const again = socket.isSessionReused()
    seen.push({ certificate: certificateOf(socket), isWrong: isWrong(socket), again, isRefused: refused(socket) })
    assert.strictEqual(certificateOf(socket), seen.at(-1)?.certificate)
    socket.on("error", () => {})
    socket.end("x")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
})
afterAll(() => {
  server.close()
  folder.remove()
})

/** Connects, and gives the session by which it may be gone on with. */
const come = async (issued?: Issued, more: ConnectionOptions = {}) => {
  const pair =
    issued === undefined
      ? {}
      : { cert: `${readFileSync(issued.certificate, "utf8")}${middle.pem}`, key: readFileSync(issued.key) }
  const socket: TLSSocket = connect({
    ...{ port: (server.address() as AddressInfo).port, host: "127.0.0.1", ca: own.trusted.ca, ...pair, ...more }
  })
  let session: Buffer | undefined
  socket.on("session", (one: Buffer) => (session = one)).resume()
  await new Promise((resolve, reject) => socket.once("close", resolve).once("error", reject))
  return { session, saw: seen.at(-1)! }
}

/** An authority called as `middle` is, with its key's name too, and another key: nobody who goes by names tells them apart. */
const forged = (): string => {
  const at = (file: string) => join(folder.path, file)
  const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" })
  const name = openssl("x509", "-in", middle.certificate, "-noout", "-ext", "subjectKeyIdentifier")
    .split("\n")[1]!
    .trim()
  const above = `basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=${name}\n`
  writeFileSync(at("forged.cnf"), `[req]\ndistinguished_name=dn\n[dn]\n[above]\n${above}`)
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", at("forged.cnf")]
  const root = [
    "-x509",
    ...fresh,
    "-keyout",
    at("other.key"),
    "-out",
    at("other.pem"),
    "-subj",
    "/CN=root",
    "-extensions",
    "above"
  ]
  openssl("req", ...root)
  const signed = ["-CA", at("other.pem"), "-CAkey", at("other.key"), "-subj", "/CN=middle", "-extensions", "above"]
  openssl("req", "-x509", ...fresh, "-keyout", at("forged.key"), "-out", at("forged.pem"), ...signed)
  return readFileSync(at("forged.pem"), "utf8")
}

/** A server with these authorities; `come` shows a certificate with others behind it, and gives what the server saw. */
const withStore = async <A>(
  ca: string,
  use: (come: (issued: Issued, others: string) => Promise<{ certificate: Certificate | undefined }>) => Promise<A>
): Promise<A> => {
  const saw: Array<Certificate | undefined> = []
  const options = { cert: readFileSync(own.certificate), key: readFileSync(own.key), ca, requestCert: true }
  const other = createServer({ ...options, rejectUnauthorized: false }, (socket) => {
    saw.push(certificateOf(socket))
    socket.on("error", () => {}).end("x")
  })
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
  try {
    return await use(async (issued, others) => {
      const socket = connect({
        ...{ port: (other.address() as AddressInfo).port, host: "127.0.0.1", ca: own.trusted.ca },
        ...{ cert: readFileSync(issued.certificate, "utf8") + others, key: readFileSync(issued.key) }
      }).resume()
      await new Promise((resolve, reject) => socket.once("close", resolve).once("error", reject))
      return { certificate: saw.at(-1) }
    })
  } finally {
    other.close()
  }
}

describe("PeerCertificate", () => {
  it("CT1 a certificate that an authority signed is known with those above it; none, and one of strangers, is nobody's", async () => {
    const issued = middle.issue("URI:spiffe://prod/a,DNS:a")
    const { saw } = await come(issued)
    assert.deepStrictEqual(saw.certificate?.subjectAltNames, ["URI:spiffe://prod/a", "DNS:a"])
    assert.lengthOf(saw.certificate!.above, 2)
    assert.isAbove(saw.certificate!.notAfter, Date.now())
    assert.isFalse(saw.isRefused)
    assert.deepStrictEqual((await come()).saw, {
      certificate: undefined,
      isWrong: false,
      again: false,
      isRefused: false
    })
    for (const wrong of [
      stranger.issue("URI:spiffe://prod/a"),
      middle.issue("DNS:old", { until: Date.now() - 1_000 })
    ]) {
      const { certificate, isWrong, isRefused } = (await come(wrong)).saw
      assert.deepStrictEqual(
        { certificate, isWrong, isRefused },
        { certificate: undefined, isWrong: true, isRefused: true }
      )
    }
    assert.isTrue((await come(middle.issue("DNS:revoked"))).saw.isRefused)
  })

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "CT1 over %s, who goes on with a ticket has the certificate of before, and who had none has none",
    async (version) => {
      const versions = { minVersion: version, maxVersion: version } as const
      for (const issued of [middle.issue("DNS:again"), undefined]) {
        const first = await come(issued, versions)
        const second = await come(issued, { ...versions, session: first.session! })
        assert.isTrue(second.saw.again)
        assert.strictEqual(second.saw.certificate?.fingerprint, first.saw.certificate?.fingerprint)
        assert.strictEqual(second.saw.certificate?.id, first.saw.certificate?.id)
        assert.isEmpty(second.saw.certificate?.above ?? []) // OpenSSL keeps none: TC6
        assert.isFalse(second.saw.isWrong)
      }
    }
  )

  it("CT3 who sends an authority of the same name beside the one above it has nobody above; what ends first says until when", async () => {
    const issued = middle.issue("DNS:forger")
    const { until, saw } = await withStore(root.pem + middle.pem, async (come) => {
      const short = middle.issue("DNS:short", { until: Date.now() + 90 * 86_400_000 })
      return { until: (await come(short, "")).certificate!.notAfter, saw: await come(issued, forged()) }
    })
    assert.strictEqual(
      until,
      Math.min(...[root, middle].map(({ pem }) => Date.parse(new X509Certificate(pem).validTo)))
    )
    assert.strictEqual(saw.certificate?.subjectAltNames[0], "DNS:forger")
    assert.deepStrictEqual(saw.certificate?.above, [])
  })

  it("CT2 names are read as they were written, and those that can't be are none", () => {
    assert.deepStrictEqual(namesIn("URI:spiffe://a/b, DNS:c"), ["URI:spiffe://a/b", "DNS:c"])
    assert.deepStrictEqual(namesIn('DNS:"a, URI:spiffe://admin", IP Address:127.0.0.1'), [
      "DNS:a, URI:spiffe://admin",
      "IP Address:127.0.0.1"
    ])
    assert.deepStrictEqual(namesIn('DNS:"a\\", DNS:b"'), ['DNS:a", DNS:b'])
    for (const text of ['DNS:"a', "DNS:a,b", 'DNS:a"b", DNS:c', "a", "DNS:a, ", undefined, ""])
      assert.deepStrictEqual(namesIn(text), [], text)
  })
})
