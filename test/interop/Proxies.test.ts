/** nginx and HAProxy before the lane: gRPC's interop client through them, connections that they keep, long streams, restarts on both sides. */
import { readFileSync } from "node:fs"
import { credentials, Metadata, makeGenericClientConstructor } from "@grpc/grpc-js"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import { bounds } from "../../layers/Grpc/lane/Protections.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { cases, runCase } from "./OfficialClient.ts"
import { type Named, Proxy, proxies } from "./Proxy.ts"
import { definition, testService } from "./service/TestService.ts"
import { goProgram } from "./Tools.ts"

const folder = newFolder()
let certificates: Certificates
beforeAll(async () => {
  await goProgram("client")
  certificates = makeCertificates(folder.path)
})
afterAll(() => folder.remove())

/** A lane that asks who is silent for a moment already whether he is there, and a proxy before it. */
const open = async (named: Named, tls?: Certificates) => {
  const refused: Array<string> = []
  const defects: Array<unknown> = []
  const lane = new LaneServer({
    handlers: testService(),
    times: { keepalive: 100 },
    defect: (error) => void defects.push(error),
    refuse: (reason) => void refused.push(reason)
  })
  lane.make(tls && { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) })
  const proxy = await Proxy.open(named, await lane.listen("127.0.0.1", 0), tls)
  const close = async () => {
    await proxy[Symbol.asyncDispose]()
    lane.destroy()
  }
  return { lane, proxy, refused, defects, [Symbol.asyncDispose]: close }
}

describe.each(proxies)("behind %s", (named) => {
  it.each(["clear text", "TLS"])("gRPC's interop client has all of its cases, in %s", async (kind) => {
    await using opened = await open(named, kind === "TLS" ? certificates : undefined)
    for (const name of cases) await runCase(name, opened.proxy.port, opened.proxy.ca)

    assert.deepStrictEqual(opened.refused, [])
    assert.deepStrictEqual(opened.defects, [])
  })

  it("CC15 a stream that says nothing outlives the questions whether its proxy is there", async () => {
    await using opened = await open(named)
    const Client = makeGenericClientConstructor(definition as never, "TestService")
    const client = new Client(`127.0.0.1:${opened.proxy.port}`, credentials.createInsecure())
    // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
    const call = (client as any).FullDuplexCall(new Metadata())
    const sizes: Array<number> = []
    let status: number | undefined
    call.on("data", (answer: { payload: { body: Buffer } }) => sizes.push(answer.payload.body.length))
    call.on("status", ({ code }: { code: number }) => (status = code))
    call.on("error", () => {})
    const say = (size: number) => call.write({ response_parameters: [{ size }] })
    say(1)
    await waitUntil("the first answer", () => sizes.length === 1)
    await new Promise((resolve) => setTimeout(resolve, bounds.silence.bound + 1_500))
    say(2)
    await waitUntil("the second answer", () => sizes.length === 2 || status !== undefined)
    call.end()
    await waitUntil("the end", () => status !== undefined)
    client.close()

    assert.deepStrictEqual([sizes, status, opened.refused], [[1, 2], 0, []])
    assert.strictEqual(opened.lane.connections, 1)
  })

  it("D1 a Herald that restarts, and the proxy, cost a user of the SDK nothing", async () => {
    await using server = await new Server({ GRPC_SERVER: "lane" }).start()
    await using proxy = await Proxy.open(named, Number(server.grpc.split(":")[1]))
    await server.publish("svc", 0)
    const missing: Array<string> = []
    const rejected: Array<string> = []
    const client = await HeraldClient.connect({
      address: `127.0.0.1:${proxy.port}`,
      service: "svc",
      token: server.token,
      onEvent: (event) => void (event.type === "rejected" && rejected.push(JSON.stringify(event)))
    })
    const has = (value: number) =>
      waitUntil(`${value} to be applied`, () => {
        if (client.get("svc") === undefined) missing.push("a read without a value")
        return client.state === "live" && client.get("svc") === value
      })
    await has(0)
    assert.strictEqual(await server.end("SIGTERM"), 0)
    await server.start()
    await server.publish("svc", 1)
    await has(1)
    proxy.reload()
    await server.publish("svc", 2)
    await has(2)
    const report = await client.reportHealth("healthy").then(
      () => "told",
      (error) => String(error)
    )
    await client.close()

    assert.deepStrictEqual([missing, rejected, report], [[], [], "told"])
  })
})
