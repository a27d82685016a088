/** TLS sessions of before, at both doors of real servers, by Node and openssl: a chain that was checked once says nothing of a later connection. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Authority, type Issued } from "../support/Authority.ts"
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const folder = newFolder()
const [ca, crl] = ["clients.pem", "clients.crl"].map((file) => join(folder.path, file)) as [string, string]
let own: Certificates
let [root, middle]: [Authority, Authority] = [undefined as never, undefined as never]
beforeAll(() => {
  own = makeCertificates(folder.path)
  root = new Authority(folder.path, "root")
  middle = new Authority(folder.path, "middle", root)
  writeFileSync(ca, root.pem)
  writeFileSync(crl, root.revoked())
})
afterAll(() => folder.remove())

const shows = (issued: Issued) => ({
  cert: readFileSync(issued.certificate, "utf8") + middle.pem,
  key: readFileSync(issued.key)
})

type Version = "TLSv1.2" | "TLSv1.3"
interface Came {
  readonly reused: boolean
  /** Those that may be gone on with; of TLS 1.3 they come with, or after, the first bytes. */
  readonly session: Buffer | undefined
  /** What the server said. */
  readonly said: string
}

/** Connects, and says something that every door answers. */
const come = (address: string, protocol: string, version: Version, issued?: Issued, session?: Buffer): Promise<Came> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(address.includes("://") ? address : `https://${address}`)
    const socket = connect({
      ...{ host: hostname, port: Number(port), ca: own.trusted.ca, ALPNProtocols: [protocol] },
      ...{ minVersion: version, maxVersion: version, ...(issued && shows(issued)) },
      ...(session === undefined ? {} : { session })
    })
    let [said, last, reused]: [string, Buffer | undefined, boolean] = ["", undefined, false]
    const first =
      protocol === "h2"
        ? Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1")
        : Buffer.from("GET /v1/config/a?environment=production HTTP/1.1\r\nhost: herald\r\n\r\n")
    socket
      .on("session", (one: Buffer) => (last = one))
      .on("error", () => {})
      .on("data", (chunk) => {
        said += chunk.toString("latin1")
        setTimeout(() => socket.destroy(), 80)
      })
      .once("secureConnect", () => {
        reused = socket.isSessionReused()
        socket.write(first)
      })
      .once("close", () => resolve({ reused, session: last, said }))
    setTimeout(() => socket.destroy(), 2_000)
  })

const rule = { san: "spiffe://prod/*", grant: { role: "viewer", environments: ["production"] } }
const served = (more: Readonly<Record<string, string>>) =>
  new Server({ TLS_CERT: own.certificate, TLS_KEY: own.key, ...more }).start()
const clients = () => ({
  ...{ TLS_CLIENT_CA: ca, TLS_CLIENT_CRL: crl, HERALD_TLS_IDENTITIES: JSON.stringify([rule]) }
})

describe("TLS sessions of before", () => {
  it.each(["lane", "grpc-js"])(
    "TC6 with the gRPC door on %s, neither door goes on with one, and an authority in between that was revoked is seen at once",
    async (on) => {
      writeFileSync(crl, root.revoked())
      const server = await served({ ...clients(), GRPC_SERVER: on })
      try {
        const mine = middle.issue("URI:spiffe://prod/a")
        const kept = new Map<string, Buffer>()
        const doors = [
          [server.http, "http/1.1"],
          [server.http, "h2"],
          [server.grpc, "h2"]
        ] as const
        for (const version of ["TLSv1.2", "TLSv1.3"] as const)
          for (const [address, protocol] of doors)
            for (const issued of [mine, undefined]) {
              const what = `${version} ${address} ${protocol}`
              const first = await come(address, protocol, version, issued)
              if (version === "TLSv1.3") assert.isDefined(first.session, what)
              assert.isNotEmpty(first.said, what)
              const second = await come(address, protocol, version, issued, first.session)
              assert.isFalse(second.reused, what)
              assert.isNotEmpty(second.said, what)
              if (issued !== undefined && first.session !== undefined) kept.set(what, first.session)
            }
        // openssl's own client, by its own file of sessions
        const { hostname, port } = new URL(server.http)
        const file = join(folder.path, `session-${on}`)
        const openssl = (...more: ReadonlyArray<string>) => {
          const pair = ["-cert", mine.certificate, "-key", mine.key, "-cert_chain", middle.certificate]
          const to = ["s_client", "-connect", `${hostname}:${port}`, "-CAfile", own.ca, "-ign_eof"]
          const input = "GET /livez HTTP/1.1\r\nhost: herald\r\nconnection: close\r\n\r\n"
          return spawnSync("openssl", [...to, ...pair, ...more], { input, encoding: "utf8", timeout: 10_000 }).stdout
        }
        assert.include(openssl("-sess_out", file), "New, TLSv1.3")
        const again = openssl("-sess_in", file)
        assert.include(again, "New, TLSv1.3")
        assert.notInclude(again, "Reused")

        root.revoke({ certificate: middle.certificate, key: "" })
        writeFileSync(crl, root.revoked())
        const asked = (version: Version, [address, protocol]: (typeof doors)[number]) =>
          come(address, protocol, version, mine, kept.get(`${version} ${address} ${protocol}`))
        await waitUntil("the list to count", async () => (await asked("TLSv1.3", doors[0])).said === "" || undefined)
        for (const version of ["TLSv1.2", "TLSv1.3"] as const)
          for (const door of doors) assert.strictEqual((await asked(version, door)).said, "", `${version} ${door}`)
      } finally {
        await server.end("SIGTERM")
        middle = new Authority(folder.path, `middle-${on}`, root)
      }
    }
  )

  it("TC6 where clients are asked for none, who comes back saves a handshake", async () => {
    const server = await served({})
    try {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const { session } = await come(server.http, "http/1.1", version)
        assert.isTrue((await come(server.http, "http/1.1", version, undefined, session)).reused)
      }
    } finally {
      await server.end("SIGTERM")
    }
  })
})
