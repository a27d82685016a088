/** TLS on both doors: curl, openssl, the SDK and the command line against a real server. */
import { execFileSync, spawnSync } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs"
import { connect as connectHttp2 } from "node:http2"
import { connect as connectSocket } from "node:net"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const folder = newFolder()
const pairIn = (name: string): Certificates => {
  const path = join(folder.path, name)
  mkdirSync(path)
  return makeCertificates(path)
}

let [first, second]: [Certificates, Certificates] = [undefined as never, undefined as never]
const cert = join(folder.path, "live.pem")
const key = join(folder.path, "live.key")
const use = (pair: Certificates) => {
  copyFileSync(pair.certificate, cert)
  copyFileSync(pair.key, key)
}

let server: Server
beforeAll(async () => {
  first = pairIn("first")
  second = pairIn("second")
  use(first)
  server = await new Server({ TLS_CERT: cert, TLS_KEY: key }).start()
})
afterAll(async () => {
  await server.end("SIGTERM")
  folder.remove()
})

const curl = (ca: string, path: string, ...more: ReadonlyArray<string>) =>
  spawnSync(
    "curl",
    ["-sS", "--cacert", ca, "-H", `authorization: Bearer ${server.token}`, ...more, server.http + path],
    {
      encoding: "utf8"
    }
  )

/** Who signed what a door shows now, by whether `ca` is trusted for it. */
const trusted = (address: string, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const url = new URL(address.includes("://") ? address : `https://${address}`)
    const socket = connectTls(
      { host: url.hostname, port: Number(url.port), ca, ALPNProtocols: ["h2", "http/1.1"] },
      () => {
        resolve(socket.authorized)
        socket.destroy()
      }
    )
    socket.on("error", () => resolve(false))
  })

const put = (value: unknown) =>
  curl(
    first.ca,
    "/v1/config/tls.key?environment=production",
    ...["-X", "PUT", "-H", "content-type: application/json", "-d", JSON.stringify({ value })]
  )

describe("TLS", () => {
  it("TC2 both doors speak it to curl, openssl, the SDK and the command line, and plain talk gets nowhere", async () => {
    assert.match(server.http, /^https:/)
    assert.strictEqual(JSON.parse(put(1).stdout).version, 1)
    const stranger = curl(second.ca, "/livez")
    assert.notStrictEqual(stranger.status, 0)
    for (const address of [server.http.slice("https://".length), server.grpc]) {
      const shown = execFileSync(
        "openssl",
        ["s_client", "-connect", address, "-CAfile", first.ca, "-verify_return_error"],
        {
          input: "",
          encoding: "utf8",
          stdio: ["pipe", "pipe", "ignore"]
        }
      )
      assert.include(shown, "Verify return code: 0 (ok)")
    }
    const [host = "", port = ""] = server.grpc.split(":")
    const plain = await new Promise<string>((resolve) => {
      let said = ""
      const socket = connectSocket(Number(port), host, () => socket.write("GET / HTTP/1.1\r\n\r\n"))
      socket.on("data", (chunk) => (said += String(chunk)))
      socket.on("error", () => {})
      socket.on("close", () => resolve(said))
    })
    assert.notInclude(plain, "HTTP")

    const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
    const env = { PATH: process.env["PATH"], HERALD_DATA: server.data, NODE_EXTRA_CA_CERTS: first.ca }
    for (const verb of [["get", "tls.key", "--env", "production"], ["doctor"]]) {
      const ended = spawnSync(process.execPath, [main, ...verb], { encoding: "utf8", env })
      assert.strictEqual(ended.status, 0, ended.stdout + ended.stderr)
    }
  })

  it("HS8 the HTTP door speaks HTTP/2 and HTTP/1.1, each whole: writes, 304, 401, 415, compression, a feed beside requests on one connection", async () => {
    for (const [flag, version] of [
      ["--http2", "2"],
      ["--http1.1", "1.1"]
    ] as const) {
      const asked = (path: string, ...more: ReadonlyArray<string>) => {
        const { stdout } = curl(first.ca, path, flag, "-w", "\n%{http_version} %{http_code} %{content_type}", ...more)
        return { body: stdout.slice(0, stdout.lastIndexOf("\n")), said: stdout.slice(stdout.lastIndexOf("\n") + 1) }
      }
      const path = "/v1/config/tls.h2?environment=production"
      const written = asked(path, "-X", "PUT", "-H", "content-type: application/json", "-d", '{"value":{"a":1}}')
      assert.match(written.said, new RegExp(`^${version} 20[01] application/json`))
      const head = asked(path, "-I").body
      const tag = /^etag: (.*?)\r?$/im.exec(head)?.[1] ?? ""
      assert.match(asked(path, "-H", `if-none-match: ${tag}`).said, new RegExp(`^${version} 304`))
      const stranger = ["-sS", "--cacert", first.ca, flag, "-w", " %{http_version} %{http_code}", server.http + path]
      assert.match(spawnSync("curl", stranger, { encoding: "utf8" }).stdout, new RegExp(`HRLD-3001.* ${version} 401$`))
      const large = "x".repeat(3_000_000)
      writeFileSync(join(folder.path, "large"), large)
      const unread = ["-X", "PUT", "--data-binary", `@${join(folder.path, "large")}`]
      assert.match(asked(path, ...unread, "-H", "content-type: text/plain").said, new RegExp(`^${version} 415`))
      assert.match(asked("/openapi.json", "--compressed", "-o", "/dev/null").said, new RegExp(`^\n?${version} 200`))
    }

    const session = connectHttp2(server.http, { ca: first.trusted.ca })
    const headers = { authorization: `Bearer ${server.token}` }
    const feed = session.request({ ":path": "/v1/events?environment=production", ...headers })
    let said = ""
    feed.setEncoding("utf8").on("data", (text) => (said += text))
    await waitUntil("the feed to begin", () => said.includes("retry:"))
    const answers = Array.from({ length: 90 }, async () => {
      const stream = session.request({ ":path": "/v1/config/tls.h2?environment=production", ...headers })
      const [head] = await once(stream, "response")
      stream.resume()
      return head[":status"]
    })
    assert.deepStrictEqual(new Set(await Promise.all(answers)), new Set([200]))
    put(2)
    await waitUntil("the change", () => said.includes('"tls.key"'))
    session.destroy()
  })

  it("TC2 TC3 a new pair is used for new connections while open streams go on; a wrong one is told, and the old one stays", async () => {
    const seen: Array<string> = []
    const client = await HeraldClient.connect({
      onStateChange: (state) => seen.push(state),
      address: server.grpc,
      service: "tls",
      instance: "one",
      environment: "production",
      token: server.token,
      tls: { rootCertificates: first.trusted.ca }
    })
    await waitUntil("the client to be live", () => client.state === "live" || undefined)

    writeFileSync(key, "half of a renewal")
    await waitUntil("the warning", () => /was not renewed/.test(server.output) || undefined)
    assert.isTrue(await trusted(server.http, first.trusted.ca))

    use(second)
    for (const address of [server.http, server.grpc])
      await waitUntil(`the new one at ${address}`, async () => (await trusted(address, second.trusted.ca)) || undefined)
    assert.isFalse(await trusted(server.grpc, first.trusted.ca))
    assert.strictEqual(client.state, "live")
    assert.strictEqual(seen.filter((state) => state === "live").length, 1)
    await client.close()
  })

  it("TC1 a wrong pair is told at the start by what is wrong, and no door opens", async () => {
    const wrong = new Server({ HTTP_PORT: "0", GRPC_PORT: "0", TLS_CERT: first.certificate, TLS_KEY: second.key })
    wrong.launch()
    await waitUntil("it to end", () => wrong.process?.exitCode ?? undefined)
    assert.include(wrong.output, "is not the key of the first certificate")
    await wrong.end("SIGKILL")
  })
})
