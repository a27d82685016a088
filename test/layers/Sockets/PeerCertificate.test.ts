import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
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

describe("PeerCertificate", () => {
  it("CT1 a certificate that an authority signed is known with what was sent beside it; none, and one of strangers, is nobody's", async () => {
    const issued = middle.issue("URI:spiffe://prod/a,DNS:a")
    const { saw } = await come(issued)
    assert.deepStrictEqual(saw.certificate?.subjectAltNames, ["URI:spiffe://prod/a", "DNS:a"])
    assert.deepStrictEqual(
      saw.certificate!.beside.map((one) => new X509Certificate(one).subject),
      ["CN=middle", "CN=root"]
    )
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
        assert.deepStrictEqual(second.saw.certificate?.der, first.saw.certificate?.der)
        assert.isEmpty(second.saw.certificate?.beside ?? []) // OpenSSL keeps none: TC6
        assert.isFalse(second.saw.isWrong)
      }
    }
  )

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
