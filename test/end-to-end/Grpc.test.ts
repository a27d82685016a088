/** The gRPC door of a real server, with grpc-js and the .proto file alone. */
import { connect as connectTcp } from "node:net"
import { fromBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as protoLoader from "@grpc/proto-loader"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const metadata = (token: string) => {
  const made = new grpc.Metadata()
  if (token !== "") made.set("authorization", `Bearer ${token}`)
  return made
}

describe("gRPC", () => {
  it("the simplest client gets values and never answers: delivered is known, applied is not", async () => {
    const simple = new Subscriber(server.grpc, { token: server.token, service: "simple", confirm: false })
    simple.stream.end() // it has no more to say
    await server.publish("simple", { a: 1 })
    await waitUntil("the value", () => simple.content("simple") === '{"a":1}')
    await server.publish("simple.sub", "two")
    await server.publish("simple", null).catch(() => undefined)
    await server.call("DELETE", "/v1/config/simple?environment=production")
    await waitUntil("the deletion", () => simple.held.get("simple")?.kind === "UPDATE_KIND_DELETED")

    const client = await waitUntil("the delivery", async () => {
      const { body } = await server.call("GET", "/v1/clients?environment=production&service=simple")
      const sub = body.clients[0]?.keys.find((one: { key: string }) => one.key === "simple.sub")
      return sub?.sent != null && sub
    })
    assert.isNull(client.applied)
    assert.isFalse(simple.ended)
    assert.strictEqual(simple.updates[0]!.version, 1)
    simple.close()
  })

  it("Heartbeat answers with the server's time, ReportHealth is stored for instance and revision", async () => {
    const subscriber = new Subscriber(server.grpc, { token: server.token, service: "healthy" })
    const { body } = await server.publish("healthy", "x")
    await waitUntil("the value", () => subscriber.content("healthy") === "x")
    const call = (name: string, request: object) =>
      new Promise<Record<string, unknown>>((resolve, reject) =>
        subscriber.client[name](
          request,
          metadata(server.token),
          (error: Error | null, answer: Record<string, unknown>) => (error === null ? resolve(answer) : reject(error))
        )
      )
    const who = { service_name: "healthy", instance_id: "i1", environment: "production" }
    const beat = await call("heartbeat", who)
    const stranger = await call("heartbeat", { ...who, instance_id: "nobody" })
    const report = await call("reportHealth", {
      ...who,
      revision: body.revision,
      health: "HEALTH_DEGRADED",
      message: "slow",
      metrics: { p99: 12 }
    })

    assert.isTrue(beat["connected"])
    assert.isAbove(Number(beat["server_time_ms"]), 1_600_000_000_000)
    assert.isFalse(stranger["connected"])
    assert.isTrue(report["accepted"])
    const health = await waitUntil("the report", async () => {
      const answer = await server.call("GET", "/v1/clients?environment=production&service=healthy")
      return answer.body.clients[0]?.health
    })
    assert.deepInclude(health, { health: "degraded", message: "slow", revision: body.revision })
    subscriber.close()
  })

  it("A3 revoking a key ends its streams", async () => {
    const made = await server.call("POST", "/v1/keys", {
      name: "short",
      role: "subscriber",
      environments: ["production"]
    })
    const subscriber = new Subscriber(server.grpc, { token: made.body.token, service: "revoked" })
    await server.publish("revoked", "x")
    await waitUntil("the value", () => subscriber.content("revoked") === "x")
    await server.call("DELETE", `/v1/keys/${made.body.key.id}`)
    await waitUntil("the stream to end", () => subscriber.error)

    assert.strictEqual(subscriber.error?.code, grpc.status.UNAUTHENTICATED)
    assert.include(subscriber.error?.details, "HRLD-")
    const again = new Subscriber(server.grpc, { token: made.body.token, service: "revoked" })
    await waitUntil("a refusal", () => again.error?.code === grpc.status.UNAUTHENTICATED)
  })

  it("a rejection and its reason reach the operator", async () => {
    const subscriber = new Subscriber(server.grpc, { token: server.token, service: "picky", confirm: false })
    const { body } = await server.publish("picky", "bad")
    await waitUntil("the value", () => subscriber.content("picky") === "bad")
    subscriber.stream.write({
      acks: [{ key: "picky", revision: body.revision, outcome: "ACK_OUTCOME_REJECTED", reason: "does not parse" }]
    })

    const rejected = await waitUntil("the rejection", async () => {
      const answer = await server.call("GET", "/v1/clients?environment=production&service=picky")
      return answer.body.clients[0]?.keys[0]?.rejected
    })
    assert.deepInclude(rejected, { revision: body.revision, reason: "does not parse" })
    subscriber.close()
  })

  it("bad first messages and bad tokens get a status with a code and a fix, others are not disturbed", async () => {
    const good = new Subscriber(server.grpc, { token: server.token, service: "good" })
    const refused = async (options: {
      token?: string
      service?: string
      instance?: string
      patterns?: ReadonlyArray<string>
    }) => {
      const bad = new Subscriber(server.grpc, { token: server.token, ...options })
      await waitUntil("a refusal", () => bad.error)
      bad.close()
      return [bad.error!.code, /HRLD-\d{4}/.exec(bad.error!.details)?.[0]]
    }
    const { INVALID_ARGUMENT, UNAUTHENTICATED } = grpc.status

    assert.deepStrictEqual(await refused({ token: "" }), [UNAUTHENTICATED, "HRLD-3001"])
    assert.deepStrictEqual(await refused({ token: "hrld_0_0" }), [UNAUTHENTICATED, "HRLD-3001"])
    assert.deepStrictEqual(await refused({ service: "" }), [INVALID_ARGUMENT, "HRLD-1001"])
    assert.deepStrictEqual(await refused({ instance: "a\u0000b" }), [INVALID_ARGUMENT, "HRLD-1001"])
    for (const pattern of [".".repeat(10_000), "a\u0001b", "*", "a.*.b", "__proto__.", "x".repeat(300)]) {
      assert.strictEqual((await refused({ patterns: [pattern] }))[0], INVALID_ARGUMENT, pattern.slice(0, 20))
    }
    assert.strictEqual(
      (await refused({ patterns: Array.from({ length: 300 }, (_, i) => `k${i}`) }))[0],
      INVALID_ARGUMENT
    )
    await server.publish("good", "still here")
    await waitUntil("the value", () => good.content("good") === "still here")
    assert.isFalse(good.ended)
    good.close()
  })

  it("malformed frames end their own connection or call only", async () => {
    const good = new Subscriber(server.grpc, { token: server.token, service: "framed" })
    const [host, port] = server.grpc.split(":")
    for (const bytes of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.alloc(100_000, 0xff),
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x09\x09", "latin1")
    ]) {
      const socket = connectTcp({ host: host!, port: Number(port) })
      socket.on("error", () => {})
      socket.resume()
      socket.end(bytes)
      await new Promise((resolve) => socket.once("close", resolve))
    }
    // A message that is no SubscribeRequest: invalid UTF-8 and a wrong wire type.
    const raw = new grpc.Client(server.grpc, grpc.credentials.createInsecure())
    for (const bytes of [Buffer.from([0x0a, 0x02, 0xff, 0xfe]), Buffer.from([0x0f, 0xff]), Buffer.from([0xff])]) {
      const call = raw.makeBidiStreamRequest(
        "/herald.distribution.v1.DistributionService/Subscribe",
        (b: Buffer) => b,
        (b) => b,
        metadata(server.token)
      )
      const error = new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve))
      call.on("data", () => {})
      call.write(bytes)
      assert.include([grpc.status.INVALID_ARGUMENT, grpc.status.INTERNAL], (await error).code)
    }
    raw.close()
    await server.publish("framed", "still here")
    await waitUntil("the value", () => good.content("framed") === "still here")
    assert.isFalse(good.ended)
    good.close()
  })

  it("reflection shows descriptors as protoc makes them, so that strict clients can use them", async () => {
    const folder = new URL("../../node_modules/@grpc/reflection/build/proto/", import.meta.url).pathname
    const definition = protoLoader.loadSync("grpc/reflection/v1/reflection.proto", {
      includeDirs: [folder],
      keepCase: true
    })
    // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
    const { ServerReflection } = (grpc.loadPackageDefinition(definition) as any).grpc.reflection.v1
    const client = new ServerReflection(server.grpc, grpc.credentials.createInsecure())
    const call = client.ServerReflectionInfo()
    const ask = (request: object) =>
      new Promise<Record<string, { file_descriptor_proto: Array<Buffer>; service: Array<{ name: string }> }>>(
        (resolve) => {
          call.once("data", resolve)
          call.write(request)
        }
      )
    const { list_services_response: list } = await ask({ list_services: "" })
    const names: Array<string> = []
    for (const service of ["herald.distribution.v1.DistributionService", "grpc.health.v1.Health"]) {
      assert.include(
        list!.service.map(({ name }) => name),
        service
      )
      const { file_descriptor_response: found } = await ask({ file_containing_symbol: service })
      for (const bytes of found!.file_descriptor_proto) {
        const messages = fromBinary(FileDescriptorProtoSchema, bytes).messageType.flatMap(
          ({ nestedType }) => nestedType
        )
        names.push(...messages.filter(({ options }) => options?.mapEntry).map(({ name }) => name))
      }
    }
    assert.deepStrictEqual(names.sort(), ["MetadataEntry", "MetricsEntry", "StatusesEntry"])
    call.end()
    client.close()
  })

  it("a trace goes from the publisher to the update", async () => {
    await server.publish("traced", "before")
    const subscriber = new Subscriber(server.grpc, { token: server.token, service: "traced" })
    // What it is sent as it comes is no change, and has no trace.
    await waitUntil("its first value", () => subscriber.content("traced") === "before")
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    await server.publish("traced", "x", {}, { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
    await waitUntil("the value", () => subscriber.content("traced") === "x")
    assert.include(JSON.stringify(subscriber.updates), traceId)
    subscriber.close()
  })
})
