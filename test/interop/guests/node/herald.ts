/** A client of Herald on connect-node, made of the descriptors alone. It says what it met as lines of JSON: see Guests.test.ts. */
import { readFileSync } from "node:fs"
import process from "node:process"
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { ConnectError, createClient } from "@connectrpc/connect"
import { createWritableIterable } from "@connectrpc/connect/protocol"
import { createGrpcTransport } from "@connectrpc/connect-node"

const SERVICE = "herald.distribution.v1.DistributionService"
const [address = "", token = "", ca = "-", ...descriptors] = process.argv.slice(2)
const file = descriptors.flatMap((path) => fromBinary(FileDescriptorSetSchema, readFileSync(path)).file)
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }))

const say = (fact: string, value: unknown) => console.log(JSON.stringify({ fact, value }))

const transport = createGrpcTransport({
  baseUrl: `${ca === "-" ? "http" : "https"}://${address}`,
  ...(ca === "-" ? {} : { nodeOptions: { ca: readFileSync(ca) } })
})
// biome-ignore lint/suspicious/noExplicitAny: made at run time from the descriptors
const client: any = createClient(registry.getService(SERVICE)!, transport)
// biome-ignore lint/suspicious/noExplicitAny: made at run time from the descriptors
const health: any = createClient(registry.getService("grpc.health.v1.Health")!, transport)

const plain = {
  "x-long": "long ".repeat(1_200).trimEnd(),
  "x-bytes-bin": Buffer.from([0, 255, 128]).toString("base64")
}
const headers = { ...plain, authorization: `Bearer ${token}` }

const failing = async (call: () => Promise<unknown>): Promise<ConnectError> => {
  try {
    await call()
  } catch (error) {
    return ConnectError.from(error)
  }
  throw new Error("it did not fail")
}

/** Its updates, and what is said to it. */
const subscribe = (instanceId: string, options: object = {}) => {
  const sent = createWritableIterable<object>()
  const updates: AsyncIterable<{ key: string; revision: bigint; content: Uint8Array }> = client.subscribe(sent, {
    headers,
    ...options
  })
  void sent.write({ serviceName: "guests", instanceId, control: true, keys: ["guests"] })
  return { sent, updates }
}

const { status } = await health.check({ service: SERVICE }, { headers })
say("health", status === 1 ? "SERVING" : status)
const beat = await client.heartbeat({ serviceName: "guests", instanceId: "node" }, { headers })
say("heartbeat", beat.serverTimeMs > 0n)
const refused = await failing(() => client.reportHealth({}, { headers }))
say("refused", { code: refused.code, herald: refused.metadata.get("herald-code"), message: refused.rawMessage })
say("stranger", (await failing(() => client.heartbeat({}, { headers: plain }))).code)
const late = await failing(async () => {
  for await (const _ of subscribe("node-late", { timeoutMs: 300 }).updates);
})
say("late", late.code)

const { sent, updates } = subscribe("node")
for await (const { key, revision, content } of updates) {
  if (key === "") continue
  const value = Buffer.from(content).toString()
  say("value", [value.length, value.slice(0, 20)])
  await sent.write({ acks: [{ key, revision, outcome: 1 }] })
  if (value === "end") sent.close()
}
say("ended", 0)
process.exit()
