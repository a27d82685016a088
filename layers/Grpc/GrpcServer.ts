/**
 * The gRPC door, on a lane of our own or on grpc-js: limits, keepalive, health, reflection, drain.
 *
 *   D1  When the server leaves, health says NOT_SERVING, clients get `drain`, then GOAWAY; after 3 s whatever is left is cut.
 *   D2–D4 in Gate.ts, G5–G7 in edge/grpc/Calls.ts
 */
import { readFileSync } from "node:fs"
import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import type { PackageDefinition } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"
import { Context, Effect, Layer, Metric } from "effect"
import { HealthImplementation } from "grpc-health-check"
import { Certificates } from "../../src/access/Certificates.ts"
import { makeRefusals } from "../../src/access/Refusals.ts"
import { makeCalls, type OpenCallLimits, openCalls } from "../../src/edge/grpc/Calls.ts"
import type { Handler } from "../../src/edge/grpc/ServerCall.ts"
import { nameOf, type Service } from "../../src/edge/grpc/Service.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { formatAddress } from "../../src/net/Address.ts"
import { makeOrigins } from "../../src/net/Origins.ts"
import { whyNotOpened } from "../../src/net/Reason.ts"
import { afterEvery } from "../../src/telemetry/Every.ts"
import { gauge } from "../../src/telemetry/Metrics.ts"
import { Slices } from "../../src/work/Slices.ts"
import { type CertificateFiles, makeCertificate } from "../Sockets/Certificate.ts"
import { exempting, type GateOptions } from "../Sockets/Gate.ts"
import { refusing } from "../Sockets/PeerCertificate.ts"
import { makeConnect } from "./connect/Connect.ts"
import type { Ending } from "./Gate.ts"
import { onGrpcJs } from "./GrpcJs.ts"
import { onLane } from "./Lane.ts"
import { Libraries } from "./Libraries.ts"

export interface GrpcOptions extends Partial<GateOptions> {
  /** What speaks HTTP/2 below the services; the lane when left out. */
  readonly server?: "lane" | "grpc-js" | undefined
  readonly host: string
  readonly port: number
  /** Undefined: the door speaks without TLS. */
  readonly tls?: CertificateFiles | undefined
  /** Whether clients have to show a certificate, where authorities are given. Optional when left out. */
  readonly clientCertificates?: "optional" | "required" | undefined
  /** Whose pages may call from browsers; none when left out. OX1 */
  readonly origins?: ReadonlyArray<string>
  /** Streams that one connection may have open. */
  readonly maxStreams: number
  /** Calls without a token. */
  readonly openCalls?: Partial<OpenCallLimits>
  readonly ending?: Ending
  /** Milliseconds that calls have to end when the server leaves; 3,000 when left out. D1 */
  readonly grace?: number
}

const GRACE = 3_000

const HEALTH = "grpc.health.v1.Health"
/** What pages may read of an answer besides its body. */
const EXPOSED = ["grpc-status", "grpc-message", "herald-code", "retry-after-ms"]

/** A connection for each client, and some for those on their way out. */
export const connectionsFor = (maxStreams: number): number => maxStreams + 1_000

export class GrpcServer extends Context.Service<GrpcServer, { readonly port: number }>()(
  "herald/layers/Grpc/GrpcServer"
) {
  static readonly layer = <const Services extends ReadonlyArray<Service>>(options: GrpcOptions, services: Services) =>
    Layer.effect(GrpcServer, make(options, services))
}

/**
 * What reflection shows: the compiler's own descriptors, made by `npm run proto`. Those that proto-loader derives name the entries of
 * maps otherwise than protoc, and strict clients such as grpcurl refuse them.
 */
const filesOf = (services: ReadonlyArray<Service>): FileDescriptorSet["file"] => {
  const names = new Set([...services.map(({ descriptors }) => descriptors), "health"])
  return [...names].flatMap((name) => {
    const bytes = readFileSync(new URL(`../../proto/generated/${name}.binpb`, import.meta.url))
    return fromBinary(FileDescriptorSetSchema, bytes).file
  })
}

const descriptors = (files: FileDescriptorSet["file"]): PackageDefinition => {
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)))
  return {
    all: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos }
  } as unknown as PackageDefinition
}

/** What the services of a list need. */
type Needed<Services extends ReadonlyArray<Service>> = Effect.Services<ReturnType<Services[number]["serve"]>>

const make = Effect.fnUntraced(function* <const Services extends ReadonlyArray<Service>>(
  options: GrpcOptions,
  services: Services
) {
  const refuse = yield* makeRefusals("grpc")
  const { maxConnections = connectionsFor(options.maxStreams), exempt = [] } = options
  const gateOptions = { maxConnections, perAddress: options.perAddress ?? maxConnections, exempt }
  const arrivals = new Slices()
  const calls = yield* makeCalls({
    limits: { ...openCalls, ...options.openCalls },
    isExempt: exempting(exempt),
    refuse,
    arrivals
  })
  const handlers = new Map<string, Handler>()
  const largest = new Map<string, number>()
  const drains: Array<Effect.Effect<void>> = []
  for (const service of services as ReadonlyArray<Service<Needed<Services>>>) {
    const served = yield* service.serve({ arrivals })
    drains.push(served.drain)
    for (const [name, { path }] of Object.entries(service.definition)) {
      const handler = served.handlers[name]
      const method = path.slice(path.lastIndexOf("/") + 1)
      if (service.largest !== undefined) largest.set(path, service.largest)
      if (handler !== undefined) handlers.set(path, calls.admitting(service, method, handler, served.nobody)) // G5
    }
  }
  const own = services.map(nameOf)
  const names = ["", ...own]
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING"])))
  const libraries = new Libraries()
  health.addToServer(libraries.server)
  const files = filesOf(services)
  new ReflectionService(descriptors(files)).addToServer(libraries.server)
  for (const [path, handler] of libraries.handlers) handlers.set(path, calls.tokenless(handler)) // G6
  const connect = makeConnect({
    ...{ handlers, files },
    services: [...services.filter(({ connect }) => connect === true).map(nameOf), HEALTH]
  })
  const origins = makeOrigins({ origins: options.origins ?? [], methods: ["POST"], exposed: EXPOSED })
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const defect = (error: unknown) => void run(Effect.logError("a call failed", error))
  const certificate = yield* makeCertificate(options.tls ?? {})
  const isRefused = refusing(yield* Certificates)
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      (options.server === "grpc-js" ? onGrpcJs : onLane)({
        ...{ options, gate: gateOptions, certificate, services: own },
        ...{ handlers, largest, connect, origins, refuse, isRefused, defect, soon: arrivals.soon }
      })
    ),
    (server) =>
      Effect.gen(function* () {
        for (const name of names) health.setStatus(name, "NOT_SERVING") // D1
        yield* Effect.all(drains, { concurrency: "unbounded", discard: true })
        yield* Effect.promise(server.leave).pipe(Effect.timeoutOption(options.grace ?? GRACE))
      }).pipe(Effect.ensuring(Effect.sync(server.cut)))
  )
  const address = formatAddress(options)
  const port = yield* Effect.tryPromise({
    try: server.listen,
    catch: (cause) =>
      failure(
        "SettingsInvalid",
        `the gRPC port ${address} can't be opened: ${whyNotOpened((cause as Error).message)}. Set GRPC_PORT to a free one`,
        { cause: cause as Error }
      )
  })
  const tell = Effect.suspend(() => {
    const bytes = server.unsent()
    return bytes === undefined ? Effect.void : Metric.update(unsentBytes, bytes)
  })
  yield* Effect.forkScoped(afterEvery("what waits to be sent was not measured", "1 second", tell))
  return GrpcServer.of({ port })
})

const unsentBytes = gauge("herald_grpc_unsent_bytes", "bytes that wait to be sent to clients, each message once")
