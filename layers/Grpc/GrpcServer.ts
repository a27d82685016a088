/**
 * The gRPC door on grpc-js: limits, keepalive, health, reflection, drain.
 *
 *   D1  When the server leaves, health says NOT_SERVING, clients get `drain`, then GOAWAY; after 3 s whatever is left is cut.
 *   D2–D4 in Gate.ts, G5–G7 in edge/grpc/Calls.ts
 */
import { readFileSync } from "node:fs"
import type { Http2SecureServer, Http2Server } from "node:http2"
import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import type { PackageDefinition } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"
import { Context, Effect, Layer } from "effect"
import { HealthImplementation } from "grpc-health-check"
import { makeRefusals } from "../../src/access/Refusals.ts"
import { makeCalls, type OpenCallLimits, openCalls, orMalformed } from "../../src/edge/grpc/Calls.ts"
import { asBytes, MESSAGE_BYTES } from "../../src/edge/grpc/Decode.ts"
import { type Admitted, nameOf, type Service } from "../../src/edge/grpc/Service.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { formatAddress } from "../../src/net/Address.ts"
import { whyNotOpened } from "../../src/net/Reason.ts"
import { Slices } from "../../src/work/Slices.ts"
import { type Certificate, type CertificateFiles, makeCertificate } from "../Sockets/Certificate.ts"
import { exempting, type GateOptions } from "../Sockets/Gate.ts"
import { type Ending, guard } from "./Gate.ts"

export interface GrpcOptions extends Partial<GateOptions> {
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

const serverOptions = (options: GrpcOptions): grpc.ServerOptions => ({
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_connection_age_ms": 30 * 60_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.max_concurrent_streams": options.maxStreams,
  "grpc.max_connection_idle_ms": 120_000,
  "grpc.max_receive_message_length": MESSAGE_BYTES,
  "grpc.max_send_message_length": 8_388_608,
  "grpc-node.max_session_memory": 64,
  // Nothing here shows channelz, and it reads the clock for every message.
  "grpc.enable_channelz": 0
})

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

/** grpc-js has no public hook for its HTTP/2 servers, and without them nothing would be limited. */
const http2ServersOf = (server: grpc.Server): ReadonlyArray<Http2Server> => {
  const inner = (server as unknown as { readonly http2Servers: Map<Http2Server, unknown> }).http2Servers
  return [...inner.keys()]
}

interface Handler {
  deserialize: (bytes: Buffer) => unknown
}

/** Nor one for what it decodes with, where a service adds itself. */
const handlersOf = (server: grpc.Server): ReadonlyMap<string, Handler> =>
  (server as unknown as { readonly handlers: Map<string, Handler> }).handlers

const credentialsOf = (certificate: Certificate | undefined): grpc.ServerCredentials => {
  if (certificate === undefined) return grpc.ServerCredentials.createInsecure()
  const { cert, key } = certificate.now()
  return grpc.ServerCredentials.createSsl(
    null,
    [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
    false
  )
}

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
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new grpc.Server({ ...serverOptions(options), interceptors: [calls.interceptor] })),
    (server) =>
      Effect.gen(function* () {
        for (const name of names) health.setStatus(name, "NOT_SERVING") // D1
        yield* Effect.forEach(served, ({ drain }) => drain, { concurrency: "unbounded", discard: true })
        yield* Effect.callback<void>((resume) => server.tryShutdown(() => resume(Effect.void))).pipe(
          Effect.timeoutOption(options.grace ?? GRACE)
        )
      }).pipe(Effect.ensuring(Effect.sync(() => server.forceShutdown())))
  )
  for (const { definition, handlers } of served) server.addService(definition, handlers)
  health.addToServer(server)
  new ReflectionService(descriptors(services)).addToServer(server)
  for (const [path, handler] of handlersOf(server))
    if (!own.some((name) => path.startsWith(`/${name}/`))) handler.deserialize = orMalformed(handler.deserialize) // G9

  const certificate = yield* makeCertificate(options.tls ?? {})
  const address = formatAddress(options)
  const port = yield* Effect.callback<number, ReturnType<typeof failure>>((resume) => {
    server.bindAsync(address, credentialsOf(certificate), (cause, bound) =>
      resume(
        cause === null
          ? Effect.succeed(bound)
          : Effect.fail(
              failure(
                "SettingsInvalid",
                `the gRPC port ${address} can't be opened: ${whyNotOpened(cause.message)}. Set GRPC_PORT to a free one`,
                {
                  cause
                }
              )
            )
      )
    )
  })
  for (const http2 of http2ServersOf(server)) {
    certificate?.keep(http2 as Http2SecureServer)
    guard(http2, { ...gateOptions, services: own, ending: options.ending }, refuse, arrivals.soon)
  }
  return GrpcServer.of({ port })
})
