/**
 * The gRPC door, on grpc-js or on a lane of our own: limits, keepalive, health, reflection, drain.
 *
 *   D1  When the server leaves, health says NOT_SERVING, clients get `drain`, then GOAWAY; after 3 s whatever is left is cut.
 *   D2–D4 in Gate.ts, G5–G7 in edge/grpc/Calls.ts
 */
import { readFileSync } from "node:fs"
import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import type { PackageDefinition } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"
import { Context, Effect, Layer } from "effect"
import { HealthImplementation } from "grpc-health-check"
import { makeRefusals } from "../../src/access/Refusals.ts"
import { makeCalls, type OpenCallLimits, openCalls, orMalformed } from "../../src/edge/grpc/Calls.ts"
import { asBytes } from "../../src/edge/grpc/Decode.ts"
import { type Admitted, nameOf, type Service } from "../../src/edge/grpc/Service.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { formatAddress } from "../../src/net/Address.ts"
import { whyNotOpened } from "../../src/net/Reason.ts"
import { Slices } from "../../src/work/Slices.ts"
import { type CertificateFiles, makeCertificate } from "../Sockets/Certificate.ts"
import { exempting, type GateOptions } from "../Sockets/Gate.ts"
import type { Ending } from "./Gate.ts"
import { onGrpcJs } from "./GrpcJs.ts"
import { onLane } from "./Lane.ts"

export interface GrpcOptions extends Partial<GateOptions> {
  /** What speaks HTTP/2 below the services; grpc-js when left out. */
  readonly server?: "grpc-js" | "lane" | undefined
  readonly host: string
  readonly port: number
  /** Undefined: the door speaks without TLS. */
  readonly tls?: CertificateFiles | undefined
  /** Streams that one connection may have open. */
  readonly maxStreams: number
  /** Calls without a token. */
  readonly openCalls?: Partial<OpenCallLimits>
  readonly ending?: Ending
  /** Milliseconds that calls have to end when the server leaves; 3,000 when left out. D1 */
  readonly grace?: number
}

const GRACE = 3_000

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
const descriptors = (services: ReadonlyArray<Service>): PackageDefinition => {
  const names = new Set([...services.map(({ descriptors }) => descriptors), "health"])
  const files = [...names].flatMap((name) => {
    const bytes = readFileSync(new URL(`../../proto/generated/${name}.binpb`, import.meta.url))
    return fromBinary(FileDescriptorSetSchema, bytes).file
  })
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)))
  return {
    all: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos }
  } as unknown as PackageDefinition
}

/** What the services of a list need. */
type Needed<Services extends ReadonlyArray<Service>> = Effect.Services<ReturnType<Services[number]["serve"]>>

/** A service as grpc-js takes it, except that requests stay bytes until their caller is known. G5 */
const serving = <R>(service: Service<R>, admitted: Admitted) =>
  Effect.map(service.serve(admitted), (served) => ({
    ...served,
    definition: Object.fromEntries(
      Object.entries(service.definition).map(([name, method]) => [name, { ...method, requestDeserialize: asBytes }])
    )
  }))

const make = Effect.fnUntraced(function* <const Services extends ReadonlyArray<Service>>(
  options: GrpcOptions,
  services: Services
) {
  const refuse = yield* makeRefusals("grpc")
  const { maxConnections = connectionsFor(options.maxStreams), exempt = [] } = options
  const gateOptions = { maxConnections, perAddress: options.perAddress ?? maxConnections, exempt }
  const arrivals = new Slices()
  const calls = yield* makeCalls({
    services,
    limits: { ...openCalls, ...options.openCalls },
    isExempt: exempting(exempt),
    refuse,
    arrivals
  })
  const served = yield* Effect.forEach(services as ReadonlyArray<Service<Needed<Services>>>, (service) =>
    serving(service, { ...calls, arrivals })
  )
  const own = services.map(nameOf)
  const names = ["", ...own]
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING"])))
  const certificate = yield* makeCertificate(options.tls ?? {})
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      (options.server === "lane" ? onLane : onGrpcJs)({
        ...{ options, gate: gateOptions, certificate, services: own },
        ...{ interceptor: calls.interceptor, refuse, soon: arrivals.soon }
      })
    ),
    (server) =>
      Effect.gen(function* () {
        for (const name of names) health.setStatus(name, "NOT_SERVING") // D1
        yield* Effect.forEach(served, ({ drain }) => drain, { concurrency: "unbounded", discard: true })
        yield* Effect.promise(server.leave).pipe(Effect.timeoutOption(options.grace ?? GRACE))
      }).pipe(Effect.ensuring(Effect.sync(server.cut)))
  )
  for (const { definition, handlers } of served) server.services.addService(definition, handlers)
  health.addToServer(server.services)
  new ReflectionService(descriptors(services)).addToServer(server.services)
  server.decodeWith((path, decode) => (own.some((name) => path.startsWith(`/${name}/`)) ? decode : orMalformed(decode))) // G9

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
  return GrpcServer.of({ port })
})
