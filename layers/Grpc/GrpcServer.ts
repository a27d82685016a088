/**
 * The gRPC door on grpc-js: limits, keepalive, health, reflection, drain.
 *
 *   D1  Leaving: health says NOT_SERVING, clients get `drain`, then GOAWAY; after 3 s what is left is cut.
 *   D2  A peer that pings more often than `minPingInterval` allows loses its connection (GOAWAY ENHANCE_YOUR_CALM).
 */
import { readFileSync } from "node:fs"
import type { Http2Server, ServerHttp2Session } from "node:http2"
import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import type { PackageDefinition } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"
import { Context, Effect, Layer } from "effect"
import { HealthImplementation } from "grpc-health-check"
import { DistributionServiceService } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { makeDistribution } from "../../src/edge/grpc/Distribution.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"

export interface GrpcOptions {
  readonly host: string
  readonly port: number
  /** Streams a connection may have open. */
  readonly maxStreams: number
}

export class GrpcServer extends Context.Service<GrpcServer, { readonly port: number }>()("herald/layers/GrpcServer") {
  static readonly layer = (options: GrpcOptions) => Layer.effect(GrpcServer, make(options))
}

/**
 * What reflection shows: the compiler's own descriptors, made by `npm run proto`. Those that proto-loader derives name the entries of
 * maps otherwise than protoc, and strict clients such as grpcurl refuse them.
 */
const descriptors = (): PackageDefinition => {
  const files = ["herald", "health"].flatMap((name) => {
    const bytes = readFileSync(new URL(`../../proto/generated/${name}.binpb`, import.meta.url))
    return fromBinary(FileDescriptorSetSchema, bytes).file
  })
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)))
  return {
    all: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos }
  } as unknown as PackageDefinition
}

/** D2: pings a peer may send in a window; acks of our own pings do not count. */
const PINGS = 20
const WINDOW = 10_000

const serverOptions = (options: GrpcOptions): grpc.ServerOptions => ({
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_connection_age_ms": 30 * 60_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.max_concurrent_streams": options.maxStreams,
  "grpc.max_receive_message_length": 1_048_576,
  "grpc.max_send_message_length": 8_388_608,
  "grpc-node.max_session_memory": 64
})

/** D2 */
const watchPings = (session: ServerHttp2Session) => {
  let count = 0
  let since = performance.now()
  session.on("ping", () => {
    const now = performance.now()
    if (now - since > WINDOW) {
      since = now
      count = 0
    }
    if (++count <= PINGS || session.destroyed) return
    session.goaway(11 /* ENHANCE_YOUR_CALM, RFC 9113 §7 */)
    session.destroy()
  })
}

/** grpc-js has no public hook for its HTTP/2 sessions; without this field there is no ping limit, all else works. */
const http2ServersOf = (server: grpc.Server): ReadonlyArray<Http2Server> => {
  const inner = (server as unknown as { readonly http2Servers?: Map<Http2Server, unknown> }).http2Servers
  return inner === undefined ? [] : [...inner.keys()]
}

const make = Effect.fnUntraced(function* (options: GrpcOptions) {
  const sessions = yield* Sessions
  const distribution = yield* makeDistribution
  const health = new HealthImplementation({ "": "SERVING", "herald.distribution.v1.DistributionService": "SERVING" })
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new grpc.Server(serverOptions(options))),
    (server) =>
      Effect.gen(function* () {
        health.setStatus("", "NOT_SERVING") // D1
        health.setStatus("herald.distribution.v1.DistributionService", "NOT_SERVING")
        yield* sessions.drain
        yield* Effect.callback<void>((resume) => server.tryShutdown(() => resume(Effect.void))).pipe(
          Effect.timeoutOption("3 seconds")
        )
      }).pipe(Effect.ensuring(Effect.sync(() => server.forceShutdown())))
  )
  const service = {
    ...DistributionServiceService,
    // Updates are encoded once by the edge and shared.
    subscribe: { ...DistributionServiceService.subscribe, responseSerialize: (bytes: unknown) => bytes as Buffer }
  }
  server.addService(service, distribution as unknown as grpc.UntypedServiceImplementation)
  health.addToServer(server)
  new ReflectionService(descriptors()).addToServer(server)

  const address = `${options.host}:${options.port}`
  const port = yield* Effect.callback<number, ReturnType<typeof failure>>((resume) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (cause, bound) =>
      resume(
        cause === null
          ? Effect.succeed(bound)
          : Effect.fail(
              failure(
                "SettingsInvalid",
                `the gRPC port ${address} can't be opened: ${cause.message}. Set GRPC_PORT to a free one`,
                {
                  cause
                }
              )
            )
      )
    )
  })
  for (const http2 of http2ServersOf(server)) http2.on("session", watchPings)
  return GrpcServer.of({ port })
})
