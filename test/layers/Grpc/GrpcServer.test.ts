import { connect } from "node:http2"
import { createRequire } from "node:module"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import {
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  makeGenericClientConstructor,
  type ServiceClientConstructor,
  type ServiceError
} from "@grpc/grpc-js"
import * as protoLoader from "@grpc/proto-loader"
import { Effect } from "effect"
import { protoPath as healthProto } from "grpc-health-check"
import { UpdateKind } from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Service } from "../../../src/edge/grpc/Service.ts"
import { OK } from "../../../src/edge/grpc/Status.ts"
import { hearOne } from "../../../src/edge/grpc/Unary.ts"
import { Client, Door, metadataOf } from "../../support/Door.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const SERVICE = "herald.distribution.v1.DistributionService"
const reflectionProto = createRequire(import.meta.url).resolve(
  "@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto"
)
const client = (proto: string, path: ReadonlyArray<string>, address: string) => {
  const root = loadPackageDefinition(protoLoader.loadSync(proto, { keepCase: true, enums: String }))
  const Service = path.reduce<unknown>((at, name) => (at as GrpcObject)[name], root) as ServiceClientConstructor
  return new Service(address, credentials.createInsecure())
}
const health = (address: string) => client(healthProto, ["grpc", "health", "v1", "Health"], address)

let door: Door
beforeEach(async () => {
  door = await Door.open({ grace: 300 })
})
afterEach(() => door.close())

const pinging = (address: string) => {
  const session = connect(`http://${address}`)
  const seen: { goaway: number | undefined; closed: boolean } = { goaway: undefined, closed: false }
  session.on("goaway", (code) => {
    seen.goaway = code
  })
  session.on("close", () => {
    seen.closed = true
  })
  session.on("error", () => {})
  return { session, seen }
}

describe("GrpcServer", () => {
  it("D1 leaving: health says NOT_SERVING, clients get drain and a status that says come back, then GOAWAY", async () => {
    using subscriber = new Client(door, {})
    using simple = new Client(door, { instanceId: "simple", control: false })
    await door.publish("svc", "v")
    await Promise.all([subscriber.has("v"), simple.has("v")])
    const watch = health(door.address)
    const statuses: Array<string> = []
    const watching = watch["watch"]!({ service: SERVICE })
    watching.on("data", ({ status }: { status: string }) => statuses.push(status))
    watching.on("error", () => {})
    await waitUntil("SERVING", () => statuses.includes("SERVING"))
    const idle = pinging(door.address)
    await new Promise((resolve) => idle.session.once("remoteSettings", resolve))
    const leaving = door.close()
    const ends = await Promise.all([subscriber.ended(), simple.ended()])
    await leaving // although a watcher and an idle connection stay
    await waitUntil("the connections to close", () => idle.seen.closed)
    const drain = subscriber.got.at(-1)
    watch.close()

    assert.deepStrictEqual(statuses, ["SERVING", "NOT_SERVING"])
    assert.strictEqual(drain?.kind, UpdateKind.UPDATE_KIND_DRAIN)
    assert.isAtMost(drain?.reconnectAfterMs ?? Infinity, 1_000)
    for (const { code, metadata } of ends) {
      assert.strictEqual(code, 14)
      assert.deepStrictEqual(metadata.get("herald-reconnect"), ["now"])
    }
    assert.strictEqual(simple.got.length, 1) // it does not know control messages
    assert.strictEqual(idle.seen.goaway, 0)
  })

  it("D1 a server that left takes no new clients", async () => {
    await door.close()
    using late = new Client(door, {})

    assert.strictEqual((await late.ended()).code, 14)
  })

  it("D2 a peer that pings too often is told to calm down and closed; others stay", async () => {
    using good = new Client(door, {})
    await door.publish("svc", "before")
    await good.has("before")
    const usual = pinging(door.address)
    const abuser = pinging(door.address)
    await new Promise((resolve) => usual.session.once("remoteSettings", resolve))
    for (let i = 0; i < 5; i++) await new Promise((resolve) => usual.session.ping(resolve))
    abuser.session.setMaxListeners(0)
    for (let i = 0; i < 30 && !abuser.session.destroyed; i++)
      await new Promise<void>((resolve) => {
        abuser.session.once("close", resolve)
        abuser.session.ping(() => resolve())
      })
    await waitUntil("the abuser to be closed", () => abuser.seen.closed)
    await door.publish("svc", "after")
    await good.has("after")

    assert.strictEqual(abuser.seen.goaway, 11)
    assert.isFalse(usual.seen.closed)
    assert.isUndefined(good.status)
    usual.session.destroy()
  })

  it("answers health checks: serving, and NOT_FOUND for what it does not serve", async () => {
    const stub = health(door.address)
    const check = (service: string) =>
      new Promise<string>((resolve) =>
        stub["check"]!({ service }, (error: { code: number } | null, answer: { status: string }) =>
          resolve(error === null ? answer.status : String(error.code))
        )
      )
    const answers = [await check(""), await check(SERVICE), await check("nothing")]
    stub.close()

    assert.deepStrictEqual(answers, ["SERVING", "SERVING", "5"])
  })

  it("G5 D1 a service that is added to the list wants a token and its permission, is healthy, and is drained", async () => {
    let drained = 0
    const asItIs = (bytes: Buffer) => bytes
    const say = {
      path: "/herald.echo.v1.Echo/Say",
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: () => assert.fail("read by somebody else"),
      responseSerialize: asItIs,
      responseDeserialize: asItIs
    } as const
    const echo: Service<never> = {
      definition: { say },
      descriptors: "herald",
      permission: "config.write",
      serve: () =>
        Effect.succeed({
          handlers: {
            say: (call, { name }) =>
              hearOne(call, (request) => {
                call.send(Buffer.from(`${name}: ${request}`))
                call.end(OK)
              })
          },
          drain: Effect.sync(() => void drained++)
        })
    }
    await using other = await Door.open({}, [echo])
    const Echo = makeGenericClientConstructor({ say }, "Echo")
    const stub = new Echo(other.address, credentials.createInsecure())
    const called = (token: string | undefined) =>
      new Promise<string>((resolve) =>
        stub["say"]!(
          Buffer.from("hello"),
          metadataOf(token === undefined ? undefined : `Bearer ${token}`),
          (error: ServiceError | null, answer: Buffer) => resolve(error === null ? String(answer) : error.details)
        )
      )
    const answers = [
      await called(undefined),
      await called(await other.key("viewer")),
      await called(await other.key("publisher"))
    ]
    const healthy = health(other.address)
    const state = await new Promise((resolve) =>
      healthy["check"]!({ service: "herald.echo.v1.Echo" }, (_: unknown, answer: { status: string }) =>
        resolve(answer.status)
      )
    )
    healthy.close()
    stub.close()
    await other.close()

    assert.match(answers[0]!, /^HRLD-3001/)
    assert.include(answers[1], "viewer is a viewer in *; this needs config.write in some environment")
    assert.strictEqual(answers[2], "publisher: hello")
    assert.deepStrictEqual([state, drained], ["SERVING", 1])
  })

  it("reflection lists the services and gives the file of a symbol", async () => {
    const stub = client(reflectionProto, ["grpc", "reflection", "v1", "ServerReflection"], door.address)
    const call = stub["ServerReflectionInfo"]!()
    const answers: Array<
      Record<string, { service?: ReadonlyArray<{ name: string }>; file_descriptor_proto?: ReadonlyArray<Buffer> }>
    > = []
    call.on("data", (answer: (typeof answers)[number]) => answers.push(answer))
    call.on("error", () => {})
    call.write({ list_services: "" })
    call.write({ file_containing_symbol: SERVICE })
    await waitUntil("two answers", () => answers.length === 2)
    call.end()
    stub.close()

    const names = answers[0]?.["list_services_response"]?.service?.map(({ name }) => name)
    assert.includeMembers([...(names ?? [])], [SERVICE, "grpc.health.v1.Health"])
    const files = answers[1]?.["file_descriptor_response"]?.file_descriptor_proto ?? []
    assert.isTrue(files.some((file) => file.includes("DistributionService")))
  })
})
