/** The command line as a certificate, by REST and by gRPC, against a real server; and what it says of files that can't be used. */
import { execFileSync, spawnSync } from "node:child_process"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Authority, type Issued } from "../support/Authority.ts"
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"

const folder = newFolder()
const at = (file: string) => join(folder.path, file)
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const rule = { san: "spiffe://prod/*", grant: { role: "admin", environments: ["*"] }, name: "ops" }

let own: Certificates
let [authority, stranger]: [Authority, Authority] = [undefined as never, undefined as never]
let mine: Issued
let server: Server
beforeAll(async () => {
  own = makeCertificates(folder.path)
  authority = new Authority(folder.path, "clients")
  stranger = new Authority(folder.path, "stranger")
  mine = authority.issue("URI:spiffe://prod/me")
  server = await new Server({
    ...{ TLS_CERT: own.certificate, TLS_KEY: own.key, TLS_CLIENT_CA: authority.certificate },
    HERALD_TLS_IDENTITIES: JSON.stringify([rule])
  }).start()
})
afterAll(async () => {
  await server.end("SIGTERM")
  folder.remove()
})

const run = (words: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    ...{ encoding: "utf8", timeout: 30_000 },
    env: { PATH: process.env["PATH"], HERALD_CONTEXTS: at("contexts.json"), ...env }
  })
  return { status, said: stdout + stderr }
}
const addresses = () => ["--server", server.http, "--grpc", server.grpc]
const shown = ({ certificate, key }: Issued) => ["--ca", own.ca, "--cert", certificate, "--cert-key", key]

describe("herald --ca --cert --cert-key", () => {
  it("TA6 CH6 a certificate signs in at both doors: by flags, by the environment, and by a context that keeps the paths", () => {
    const asked = run(["access", "whoami", ...addresses(), ...shown(mine)])
    assert.strictEqual(asked.status, 0, asked.said)
    assert.include(asked.said, "x509:ops")

    const env = {
      ...{ HERALD_SERVER: server.http, HERALD_GRPC: server.grpc, HERALD_CA: own.ca },
      ...{ HERALD_CERT: mine.certificate, HERALD_CERT_KEY: mine.key }
    }
    for (const words of [
      ["publish", "pay.db", "1"],
      ["topic", "create", "orders"],
      ["topic", "publish", "orders", '{"id":1}']
    ]) {
      const { status, said } = run(words, env)
      assert.strictEqual(status, 0, `${words.join(" ")}: ${said}`)
    }
    const together = at("together.pem")
    writeFileSync(together, readFileSync(mine.key, "utf8") + readFileSync(mine.certificate, "utf8"))
    const add = ["context", "add", "office", ...addresses(), "--ca", own.ca, "--cert", together, "--use"]
    assert.strictEqual(run(add).status, 0)
    const tailed = run(["topic", "tail", "orders", "--from", "earliest", "--once"]) // gRPC
    assert.strictEqual(tailed.status, 0, tailed.said)
    assert.match(tailed.said, /\\?"id\\?":\s?1/)
    assert.include(run(["context", "list"]).said, `certificate ${together}`)
    assert.include(run(["get", "pay.db"]).said, "1")
    // The context's are for its own addresses.
    assert.include(run(["get", "pay.db", "--server", server.http]).said, "--ca ca.pem")
  })

  it("CT4 what is wrong with a file is told with what to do, and nothing is sent", () => {
    const other = authority.issue("URI:spiffe://prod/other")
    const locked = at("locked.key")
    execFileSync("openssl", ["pkey", "-in", mine.key, "-aes256", "-passout", "pass:x", "-out", locked])
    copyFileSync(mine.key, at("no.pem"))
    for (const [words, told, fix] of [
      [["--cert", "/none.pem"], "/none.pem: there is no such file", "readable file"],
      [["--cert", mine.key], "has no certificate in PEM", "BEGIN CERTIFICATE"],
      [["--ca", at("no.pem")], "(--ca) has no certificate in PEM", "BEGIN CERTIFICATE"],
      [["--cert", mine.certificate], "has no key with it", "--cert-key"],
      [["--cert-key", mine.key], "a key and no certificate", "--cert"],
      [["--cert", mine.certificate, "--cert-key", other.key], "is not the one of the first certificate", "made with"],
      [["--cert", mine.certificate, "--cert-key", locked], "has a password", `openssl pkey -in ${locked}`],
      [["--cert", mine.certificate, "--cert-key", own.ca], "has no private key in PEM", "BEGIN PRIVATE KEY"]
    ] as const) {
      const { status, said } = run(["list", ...addresses(), ...words])
      assert.strictEqual(status, 2, said)
      assert.include(said, told)
      assert.include(said, fix)
    }
    const ended = authority.issue("URI:spiffe://prod/old", { until: Date.now() - 60_000 })
    assert.match(run(["list", ...addresses(), ...shown(ended)]).said, /ended on .*[\s\S]*Get a new one/)
  })

  it("CH6 a certificate of an authority that the server does not know is closed on, and that is said", () => {
    const { status, said } = run(["list", ...addresses(), ...shown(stranger.issue("URI:spiffe://prod/me"))])
    assert.strictEqual(status, 7, said)
    assert.include(said, "it may not know the certificate's authority (TLS_CLIENT_CA)")
  })
})
