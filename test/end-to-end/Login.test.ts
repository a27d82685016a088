/** People who sign in by `herald login` at a real OpenID provider, with real processes of the command line and of the server. */
import { spawn } from "node:child_process"
import { createHmac, createPublicKey, type webcrypto } from "node:crypto"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { renew } from "../../src/cli/Issuer.ts"
import { newFolder } from "../support/folder.ts"
import { AUDIENCE, approve, CLIENT, Provider } from "../support/Provider.ts"
import { rawStream } from "../support/RawStream.ts"
import { COMPILED, type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const bin = fileURLToPath(new URL("../../bin/herald.js", import.meta.url))
const home = newFolder()
const file = join(home.path, ".config/herald/contexts.json")
let provider: Provider
let server: Server

const ROLES = [
  { claim: "groups", value: "ops", grant: { role: "publisher", environments: ["production"], keys: ["payments.*"] } }
]
beforeAll(async () => {
  provider = await Provider.open()
  server = await startServer({
    ...{ HERALD_OIDC_ISSUER: provider.url, HERALD_OIDC_AUDIENCE: AUDIENCE, HERALD_OIDC_CLIENT: CLIENT },
    ...{ HERALD_OIDC_NEAR: provider.address, HERALD_OIDC_NAME_CLAIM: "email" },
    HERALD_OIDC_ROLES: JSON.stringify(ROLES)
  })
}, 300_000)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
  home.remove()
})

const herald = (...args: ReadonlyArray<string>) => {
  const env = { PATH: process.env["PATH"], HOME: home.path, NO_COLOR: "1", ...COMPILED }
  const child = spawn(process.execPath, [bin, ...args], { cwd: home.path, env, stdio: ["ignore", "pipe", "pipe"] })
  const seen = { out: "", err: "" }
  child.stdout.on("data", (chunk) => (seen.out += String(chunk)))
  child.stderr.on("data", (chunk) => (seen.err += String(chunk)))
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  return { seen, ended }
}
const run = async (...args: ReadonlyArray<string>) => {
  const { seen, ended } = herald(...args)
  return { exit: await ended, ...seen }
}
const login = async (...args: ReadonlyArray<string>) => {
  const { seen, ended } = herald("login", ...args)
  const page = await waitUntil("the code", () => /or open (\S+)/.exec(seen.err)?.[1])
  await approve(page, "ann")
  return { exit: await ended, ...seen }
}
// biome-ignore lint/suspicious/noExplicitAny: tests look into the file by hand
const kept = (): any => Object.values(JSON.parse(readFileSync(file, "utf8")).contexts)[0]
const whoami = (token: string) =>
  server.call("GET", "/v1/access/whoami", undefined, { authorization: `Bearer ${token}` })
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

describe("herald login", () => {
  it("VI1 VI3 signs in by a code, keeps the token for its user alone, and is somebody at REST and gRPC", async () => {
    const done = await login("--server", server.http, "--grpc", server.grpc)
    assert.strictEqual(done.exit, 0, done.err)
    const context = kept()
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.notInclude(done.out + done.err, context.token)
    const name = `jwt:ann@${provider.address}`
    const self = JSON.parse((await run("access", "whoami")).out)
    assert.deepStrictEqual([self.name, self.called, self.by, self.role], [name, "ann@x.org", "jwt", "publisher"])
    const published = await run("publish", "payments.db", '"plain"')
    assert.strictEqual(published.exit, 0, published.err)
    assert.strictEqual((await run("publish", "orders.db", "1")).exit, 6)

    const message = SubscribeRequest.encode(
      SubscribeRequest.fromPartial({
        serviceName: "s",
        instanceId: "i",
        environment: "production",
        keys: ["payments.*"]
      })
    ).finish()
    let heard = ""
    const path = "/herald.distribution.v1.DistributionService/Subscribe"
    const call = rawStream({ address: server.grpc, token: context.token, path, message, open: true }, (bytes) => {
      heard += bytes.toString("latin1")
    })
    await waitUntil("the value by gRPC", () => heard.includes("plain"))
    call.close()
    assert.notInclude(server.output, context.token)
  }, 120_000)

  it("YN1 a token that ended is renewed once, however many commands come at once, and its successor is kept", async () => {
    const before = kept()
    const all = JSON.parse(readFileSync(file, "utf8"))
    all.contexts[Object.keys(all.contexts)[0]!].login.until = 1
    writeFileSync(file, JSON.stringify(all))
    const asked = () => provider.asked.filter((one) => one === "POST /token").length
    const count = asked()
    const ran = await Promise.all([1, 2, 3].map(() => run("access", "whoami")))
    assert.deepStrictEqual(
      ran.map(({ exit }) => exit),
      [0, 0, 0],
      ran.map(({ err }) => err).join()
    )
    assert.strictEqual(asked() - count, 1)
    assert.notStrictEqual(kept().login.refresh, before.login.refresh)
    assert.notStrictEqual(kept().token, before.token)
  }, 120_000)

  it("JK3 a key that the issuer changes while all runs signs at once, and the one before counts no more", async () => {
    const old = kept().token
    assert.strictEqual((await whoami(old)).status, 200)
    await provider.rotate("two")
    const again = await login("--server", server.http)
    assert.strictEqual(again.exit, 0, again.err)
    assert.strictEqual((await whoami(kept().token)).status, 200)
    assert.strictEqual((await whoami(old)).status, 401)
  }, 120_000)

  it("JV1 nothing that was forged with what the issuer shows to all is taken at any door", async () => {
    const jwk = (await (await fetch(`${provider.url}/jwks`)).json()) as { keys: ReadonlyArray<webcrypto.JsonWebKey> }
    const pem = createPublicKey({ key: jwk.keys[0]!, format: "jwk" }).export({ type: "spki", format: "pem" })
    const [head = "", said = "", mark = ""] = String(kept().token).split(".")
    const claims = JSON.parse(Buffer.from(said, "base64url").toString())
    const root = part({ ...claims, sub: "root" })
    const signed = `${part({ alg: "HS256", kid: "two" })}.${root}`
    const forged = [
      `${part({ alg: "none" })}.${root}.`,
      `${signed}.${createHmac("sha256", pem).update(signed).digest("base64url")}`,
      `${part({ alg: "RS256", kid: "../../etc/passwd" })}.${said}.${mark}`,
      `${head}.${root}.${mark}`
    ]
    for (const token of forged) {
      const { status, body } = await whoami(token)
      assert.deepStrictEqual([status, body.code], [401, "HRLD-3001"], body.detail)
      const cli = await run("access", "whoami", "--server", server.http, "--token", token)
      assert.deepStrictEqual([cli.exit, cli.err.includes(token.split(".")[1]!)], [6, false])
    }
  }, 120_000)

  it("JK4 YN2 an issuer that is killed keeps nobody out who is in, and holds nobody up: after a restart it is told that it is away", async () => {
    await provider.close()
    assert.strictEqual((await run("access", "whoami")).exit, 0)
    await server.end("SIGTERM")
    await server.start()
    const began = performance.now()
    const { status, body } = await whoami(kept().token)
    assert.deepStrictEqual([status, body.code], [503, "HRLD-3077"])
    assert.isBelow(performance.now() - began, 8_000)
    assert.strictEqual((await whoami(server.token)).status, 200, "an API key needs no issuer")

    provider.delay = 7_000
    await provider.reopen()
    const slow = performance.now()
    assert.strictEqual((await whoami(kept().token)).body.code, "HRLD-3077")
    assert.isBelow(performance.now() - slow, 8_000)
    provider.delay = 0
    await waitUntil("the issuer to be asked again", async () => (await whoami(kept().token)).status === 200, 60_000)
  }, 300_000)

  it("VI2 logout forgets the token and has the issuer take it back", async () => {
    const { login: was } = kept()
    const done = await run("logout")
    assert.strictEqual(done.exit, 0, done.err)
    assert.doesNotHaveAnyKeys(kept(), ["token", "login"])
    const gone = await Effect.runPromise(Effect.flip(renew(was, was.refresh)))
    assert.match(gone.what, /invalid_grant/)
    assert.strictEqual((await run("logout")).exit, 2)
  }, 60_000)
})
