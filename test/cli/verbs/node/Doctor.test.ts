/** `herald doctor`, before servers that are well, ill, or something else. */
import { readFileSync } from "node:fs"
import { createServer } from "node:http2"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { onTestFinished } from "vitest"
import packageJson from "../../../../package.json" with { type: "json" }
import { AskGrpc } from "../../../../src/cli/verbs/node/Doctor.ts"
import { makeCertificates } from "../../../support/Certificates.ts"
import { FakeHerald, problem, type Reply } from "../../../support/FakeHerald.ts"
import { newFolder } from "../../../support/folder.ts"
import { NOW, terminal } from "../../../support/Terminal.ts"

const ready = (more: object = {}): Reply => ({
  body: { status: "ready", degraded: [], epoch: "e", revision: 1, version: packageJson.version, ...more },
  headers: { date: new Date(NOW).toUTCString() }
})

const examine = async (health: Reply, token: Reply, said?: string) => {
  await using herald = await FakeHerald.start()
  // Not of the contract: what the real one says is held by test/end-to-end/Operator.test.ts.
  herald.on("GET /readyz", { ...health, strange: true }).on("GET /v1/environments", token)
  const cli = terminal()
  const ask = () => Promise.resolve(said)
  const run = cli.effect("doctor", "--server", herald.url, "--token", "t")
  const exit = await Effect.runPromise(Effect.provideService(run, AskGrpc, ask))
  const checks: Record<string, string> = {}
  for (const { check, verdict } of cli.json.checks) checks[check] = verdict
  return { exit, checks, cli }
}
const known: Reply = { body: { environments: [] } }

describe("doctor", () => {
  it("DO2 all is well: exit code 0", async () => {
    const { exit, checks } = await examine(ready(), known)
    assert.strictEqual(exit, 0)
    assert.deepStrictEqual(new Set(Object.values(checks)), new Set(["ok"]))
    const all = ["reach", "readiness", "dependencies", "version", "clock", "token", "tls", "grpc"]
    assert.sameMembers(Object.keys(checks), all)
  })

  it("DO1 DO2 each thing that is wrong is found beside the others, with what to do", async () => {
    const health = ready({ status: "stale", degraded: ["postgresql", "redis"], version: "9.9.9" })
    const ill = { ...health, status: 503, headers: { date: new Date(NOW - 60_000).toUTCString() } }
    const { exit, checks, cli } = await examine(ill, problem("Unauthenticated", "unknown"), "Protocol error")
    assert.strictEqual(exit, 7)
    assert.deepStrictEqual(checks, {
      reach: "ok",
      readiness: "wrong",
      dependencies: "look",
      version: "look",
      clock: "look",
      token: "wrong",
      tls: "ok",
      grpc: "wrong"
    })
    for (const { verdict, fix } of cli.json.checks) assert.strictEqual(fix !== "", verdict !== "ok")
    assert.include(cli.printed, "herald key recover")
    assert.include(cli.printed, "what answers there does not speak gRPC")
  })

  it("DO1 where the database alone is missed, nothing says that all is there", async () => {
    const { checks, cli } = await examine(ready({ status: "stale", degraded: ["postgresql"] }), known)
    assert.deepInclude(checks, { readiness: "wrong", dependencies: "ok" })
    assert.include(cli.printed, "no other is missed")
    assert.notInclude(cli.printed, "none is missed")
  })

  it("DO1 something that is not Herald, or Herald's other port, is called that", async () => {
    const web = await examine({ body: { hello: "world" } }, known)
    assert.strictEqual(web.checks["reach"], "wrong")
    assert.include(web.cli.printed, "is not Herald")

    const grpc = createServer()
    await new Promise<void>((resolve) => grpc.listen(0, "127.0.0.1", resolve))
    const { port } = grpc.address() as AddressInfo
    for (const args of [["doctor"], ["list"]]) {
      const cli = terminal()
      const run = cli.effect(...args, "--server", `http://127.0.0.1:${port}`)
      const exit = await Effect.runPromise(Effect.provideService(run, AskGrpc, () => Promise.resolve(undefined)))
      assert.strictEqual(exit, 7)
      assert.include(cli.printed + cli.said, "does not speak HTTP")
      assert.include(cli.printed + cli.said, "It may be Herald's gRPC port")
    }
    grpc.close()
  })

  it("DO1 what gRPC says is told without the frames that a library puts around it", async () => {
    const said = "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: "
    const { checks, cli } = await examine(ready(), known, said)
    assert.strictEqual(checks["grpc"], "wrong")
    assert.notInclude(cli.printed, "Resolution note")
  })

  it("DO1 a certificate that is not trusted is called that, and what needs TLS is told to need it", async () => {
    const folder = newFolder()
    onTestFinished(folder.remove)
    const { certificate, key } = makeCertificates(folder.path)
    const web = createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void web.close())
    const { port } = web.address() as AddressInfo
    const cli = terminal()
    const look = (cli: ReturnType<typeof terminal>, server: string) => {
      const ask = () => Promise.resolve("No connection established. Last error: Error: self-signed certificate; …")
      return Effect.runPromise(Effect.provideService(cli.effect("doctor", "--server", server), AskGrpc, ask))
    }
    assert.strictEqual(await look(cli, `https://127.0.0.1:${port}`), 7)
    const found = Object.fromEntries(cli.json.checks.map((one: { check: string }) => [one.check, one]))
    assert.include(found.reach.found, "is not trusted")
    assert.strictEqual(found.tls.verdict, "look")
    assert.include(found.grpc.found, "is not trusted")
    const plain = terminal()
    await look(plain, `http://127.0.0.1:${port}`)
    assert.include(plain.json.checks[0].fix, "Write https:// if it has TLS")
  })
})
