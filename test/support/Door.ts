/** The gRPC door on a real socket over memory twins, and a client that may write any bytes. */

import { connect } from "node:http2"
import { type ClientDuplexStream, credentials, Metadata, type StatusObject } from "@grpc/grpc-js"
import { Effect, Layer, ManagedRuntime } from "effect"
import { type GrpcOptions, GrpcServer } from "../../layers/Grpc/GrpcServer.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import {
  type ConfigUpdate,
  DistributionServiceClient,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Role, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Service } from "../../src/edge/grpc/Service.ts"
import { FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { OpenFlags } from "../../src/flags/OpenFlags.ts"
import { grpc } from "../../src/node/Node.ts"
import { HealthReports } from "../../src/sessions/HealthReports.ts"
import { publish } from "./Release.ts"
import { access, below, propagation, reports, sessions, topics } from "./Twins.ts"
import { waitUntil } from "./waitUntil.ts"

export const services = Layer.mergeAll(
  HealthReports.layer("principal"),
  Configurations.layer,
  Flags.layer,
  FlagStreams.layer({ streams: 100 }),
  OpenFlags.layer({ anonymous: [], near: false, anonymousPerSecond: 100, origins: [], shared: () => false }),
  reports,
  topics
).pipe(
  Layer.provideMerge(sessions({ drainSpread: "1 second" })),
  Layer.provideMerge(access),
  Layer.provideMerge(propagation()),
  Layer.provideMerge(below(Memory.layer, { cacheBytes: 10_000_000 }))
)

/** HERALD_TEST_GRPC: what all doors of tests stand on, instead of what is usual. */
const standing = { server: process.env["HERALD_TEST_GRPC"] as GrpcOptions["server"] }

export class Door implements AsyncDisposable {
  readonly #runtime
  address = ""
  token = ""

  private constructor(limits: Partial<GrpcOptions>, also: ReadonlyArray<Service<never>>, beneath: Layer.Layer<never>) {
    const options = { host: "127.0.0.1", port: 0, maxStreams: 100, ...standing, ...limits }
    this.#runtime = ManagedRuntime.make(
      GrpcServer.layer(options, [...grpc, ...also]).pipe(Layer.provideMerge(services), Layer.provide(beneath))
    )
  }

  /** `also`: services besides those of a node. `beneath`: what all of them stand on, such as a tracer. */
  static async open(
    limits: Partial<GrpcOptions> = {},
    also: ReadonlyArray<Service<never>> = [],
    beneath: Layer.Layer<never> = Layer.empty
  ): Promise<Door> {
    const door = new Door(limits, also, beneath)
    door.address = `127.0.0.1:${(await door.#runtime.runPromise(GrpcServer)).port}`
    door.token = await door.key("admin")
    return door
  }

  run<A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof services>>): Promise<A> {
    return this.#runtime.runPromise(effect)
  }

  async key(
    role: Role,
    environments: ReadonlyArray<string> = ["*"],
    name: string = role,
    more: { readonly topics?: ReadonlyArray<string> } = {}
  ): Promise<string> {
    const make = Effect.flatMap(Access, (access) =>
      access.createKey({ add: true, name, role, environments, expiresAt: null, ...more })
    )
    return (await this.run(Effect.provideService(make, CurrentIdentity, system))).token
  }

  async publish(key: string, value: string): Promise<void> {
    await this.run(publish({ key, value }))
  }

  async close(): Promise<void> {
    await this.#runtime.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

export const metadataOf = (authorization: string | undefined): Metadata => {
  const metadata = new Metadata()
  if (authorization !== undefined) metadata.set("authorization", authorization)
  return metadata
}

/** A well-behaved client; `token` undefined: it has none. */
export class Client implements Disposable {
  readonly stub: DistributionServiceClient
  readonly stream: ClientDuplexStream<SubscribeRequest, ConfigUpdate>
  readonly got: Array<ConfigUpdate> = []
  status: StatusObject | undefined

  constructor(door: Door, first: Partial<SubscribeRequest> | undefined, authorization?: string | null) {
    const header = authorization === null ? undefined : (authorization ?? `Bearer ${door.token}`)
    this.stub = new DistributionServiceClient(door.address, credentials.createInsecure())
    this.stream = this.stub.subscribe(metadataOf(header))
    this.stream.on("data", (update: ConfigUpdate) => this.got.push(update))
    this.stream.on("error", () => {})
    this.stream.on("status", (status: StatusObject) => {
      this.status = status
    })
    if (first !== undefined) this.say({ serviceName: "svc", instanceId: "i1", control: true, ...first })
  }

  say(message: Partial<SubscribeRequest>): void {
    this.stream.write(SubscribeRequest.fromPartial(message))
  }

  get contents(): ReadonlyArray<string> {
    return this.got.filter((update) => update.key !== "").map((update) => Buffer.from(update.content).toString())
  }

  has(content: string): Promise<boolean> {
    return waitUntil(`a client to get ${content}`, () => this.contents.includes(content))
  }

  ended(): Promise<StatusObject> {
    return waitUntil("the end of a stream", () => this.status)
  }

  [Symbol.dispose](): void {
    this.stream.cancel()
    this.stub.close()
  }
}

export const frame = (bytes: Uint8Array, { flag = 0, length = bytes.length } = {}): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt8(flag, 0)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, bytes])
}

export interface RawAnswer {
  readonly http: number | undefined
  readonly grpc: string | undefined
  readonly code: string | undefined
  readonly message: string
}

/**
 * One HTTP/2 request with these bytes as body. It answers with what the peer said before the stream was over; `first`: or with 0, once anything came, for
 * what has no end.
 */
export const raw = (
  door: Door,
  method: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  first = false
): Promise<RawAnswer> =>
  new Promise((resolve) => {
    const session = connect(`http://${door.address}`)
    const said: Record<string, unknown> = {}
    session.on("error", () => {})
    const stream = session.request({
      ":method": "POST",
      ":path": `/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${door.token}`,
      ...headers
    })
    stream.on("response", (head) => Object.assign(said, head))
    stream.on("trailers", (trailers) => Object.assign(said, trailers))
    stream.on("error", () => {})
    stream.on("close", () => {
      session.destroy()
      resolve({
        http: said[":status"] as number | undefined,
        grpc: said["grpc-status"] as string | undefined,
        code: said["herald-code"] as string | undefined,
        message: decodeURIComponent(String(said["grpc-message"] ?? ""))
      })
    })
    stream.on("data", () => {
      if (!first) return
      said["grpc-status"] ??= "0"
      stream.close()
    })
    stream.end(body)
  })
