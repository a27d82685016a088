/** Command lines that people look into gRPC and HTTP/2 with, at a Herald on the lane, in clear text and in TLS. */
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { HeartbeatRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { frame } from "../support/Door.ts"
import { installed } from "../support/installed.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { Heralds, kinds } from "./Heralds.ts"
import { goProgram } from "./Tools.ts"

const SERVICE = "herald.distribution.v1.DistributionService"
const buf = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url))

let heralds: Heralds
let grpcurl: string
let body: string
beforeAll(async () => {
  installed("nghttp", ["nghttp2-client"])
  installed("h2load", ["nghttp2-client"])
  grpcurl = await goProgram("grpcurl")
  heralds = await Heralds.open()
  body = join(heralds.folder.path, "heartbeat")
  writeFileSync(body, frame(HeartbeatRequest.encode({ serviceName: "s", instanceId: "i", environment: "" }).finish()))
})
afterAll(() => heralds?.[Symbol.asyncDispose]())

const run = (program: string, args: ReadonlyArray<string>) => {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] })
  const said = { out: "", wrong: "", code: undefined as number | null | undefined }
  child.stdout.on("data", (chunk) => (said.out += String(chunk)))
  child.stderr.on("data", (chunk) => (said.wrong += String(chunk)))
  child.on("close", (code) => (said.code = code))
  const ended = async () => {
    await waitUntil(`${program} to end`, () => said.code !== undefined)
    return said
  }
  return { child, said, ended }
}

/** What it printed; it has to end well. */
const runs = async (program: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const running = run(program, args)
  running.child.stdin.end()
  const { code, out, wrong } = await running.ended()
  assert.strictEqual(code, 0, wrong + out)
  return out
}

describe.each(kinds)("in %s", (kind) => {
  const token = () => `authorization: Bearer ${heralds.of(kind).token}`
  const address = () => `localhost:${heralds.port(kind)}`
  const url = () => `${kind === "TLS" ? "https" : "http"}://${address()}`

  const withGrpcurl = (...more: ReadonlyArray<string>) => [
    ...(kind === "TLS" ? ["-cacert", heralds.certificates.ca] : ["-plaintext"]),
    ...more
  ]
  const withBuf = (...more: ReadonlyArray<string>) => [
    ...["curl", "--protocol", "grpc", "-H", token()],
    ...(kind === "TLS" ? ["--cacert", heralds.certificates.ca] : ["--http2-prior-knowledge"]),
    ...more
  ]

  it("grpcurl lists, describes, checks health, calls, and is told what is wrong", async () => {
    assert.include(await runs(grpcurl, ...withGrpcurl(address(), "list")), SERVICE)
    assert.include(await runs(grpcurl, ...withGrpcurl(address(), "describe", SERVICE)), "rpc Subscribe ( stream")
    const health = await runs(grpcurl, ...withGrpcurl(address(), "grpc.health.v1.Health/Check"))
    assert.include(health, `"status": "SERVING"`)
    const asked = ["-d", `{"service_name":"s","instance_id":"i"}`]
    const beat = await runs(grpcurl, ...withGrpcurl("-H", token(), ...asked, address(), `${SERVICE}/Heartbeat`))
    assert.match(beat, /"serverTimeMs": "\d+"/)

    const refused = run(grpcurl, withGrpcurl("-H", token(), "-d", "{}", address(), `${SERVICE}/ReportHealth`))
    const { wrong } = await refused.ended()
    assert.include(wrong, "Code: InvalidArgument")
    assert.include(wrong, "Message: HRLD-1001")
  })

  it("grpcurl publishes as docs/publishing.md shows it", async () => {
    const page = readFileSync(new URL("../../docs/publishing.md", import.meta.url), "utf8")
    const shown = [...page.matchAll(/^```sh\ngrpcurl -plaintext -H "authorization: Bearer \$TOKEN" ([\s\S]*?)^```$/gm)]
    assert.strictEqual(shown.length, 2)
    const said: Array<string> = []
    for (const [, rest = ""] of shown) {
      const command = `exec "$@" ${rest.replace("127.0.0.1:50051", address())}`
      said.push(await runs("sh", "-c", command, "sh", grpcurl, ...withGrpcurl("-H", token())))
    }
    assert.match(said[0]!, /"version": "\d+"[\s\S]*"type": "json"/)
    const outcomes = [...said[1]!.matchAll(/"(published)": \{|"problem": \{\s*"code": "(HRLD-\d+)"/g)]
    assert.deepStrictEqual(
      outcomes.map(([, published, code]) => published ?? code),
      ["published", "HRLD-1003", "published"]
    )
  })

  it("grpcurl subscribes, and hears of a change while it says nothing more", async () => {
    const door = heralds.of(kind)
    await door.publish("commands", "before")
    const open = run(grpcurl, withGrpcurl("-H", token(), "-d", "@", address(), `${SERVICE}/Subscribe`))
    const said = (text: string) => open.said.out.includes(Buffer.from(text).toString("base64"))
    open.child.stdin.write(`{"service_name":"commands","instance_id":"grpcurl","control":true}\n`)
    await waitUntil(`the snapshot: ${open.said.wrong}`, () => said("before"))
    await door.publish("commands", "after")
    await waitUntil("the change", () => said("after"))
    open.child.stdin.end()
    assert.strictEqual((await open.ended()).code, 0, open.said.wrong)
  })

  it("buf curl lists, calls by reflection, and is told what is wrong", async () => {
    assert.include(await runs(buf, ...withBuf("--list-services", url())), SERVICE)
    const asked = ["-d", `{"serviceName":"s","instanceId":"i"}`]
    assert.match(await runs(buf, ...withBuf(...asked, `${url()}/${SERVICE}/Heartbeat`)), /"serverTimeMs": ?"\d+"/)
    const refused = run(buf, withBuf("-d", "{}", `${url()}/${SERVICE}/ReportHealth`))
    refused.child.stdin.end()
    const { code, wrong } = await refused.ended()
    assert.notStrictEqual(code, 0)
    assert.include(wrong, `"code": "invalid_argument"`)
  })

  const grpcHeaders = () => ["-H", "content-type: application/grpc", "-H", "te: trailers", "-H", token()]

  it("nghttp calls", async () => {
    const said = await runs("nghttp", "-nv", ...grpcHeaders(), "-d", body, `${url()}/${SERVICE}/Heartbeat`)
    assert.include(said, ":status: 200")
    assert.include(said, "grpc-status: 0")
  })

  it("h2load makes 2,000 calls on 10 connections, 20 at once on each, and all succeed", async () => {
    const load = ["-n", "2000", "-c", "10", "-m", "20", ...grpcHeaders(), "-d", body, `${url()}/${SERVICE}/Heartbeat`]
    const said = await runs("h2load", ...load)
    assert.include(said, "2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout")
  })
})
