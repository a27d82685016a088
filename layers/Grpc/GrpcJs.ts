/**
 * grpc-js below the gRPC door, with a gate before it.
 *
 *   GJ1  A TLS handshake that is not done in 10 s is closed and counted; Node's own 120 s would hold a connection's place that long.
 */
import type { Http2SecureServer, Http2Server } from "node:http2"
import type { Socket } from "node:net"
import * as grpc from "@grpc/grpc-js"
import { asBytes, MESSAGE_BYTES } from "../../src/edge/grpc/Decode.ts"
import type { Handler } from "../../src/edge/grpc/ServerCall.ts"
import { formatAddress } from "../../src/net/Address.ts"
import type { Certificate } from "../Sockets/Certificate.ts"
import { gate } from "../Sockets/Gate.ts"
import { isWrong } from "../Sockets/PeerCertificate.ts"
import type { Below, BelowOptions } from "./Below.ts"
import { guard } from "./Gate.ts"
import { GrpcJsCall } from "./GrpcJsCall.ts"
import { MAX_SEND } from "./MaxSend.ts"

const serverOptions = (maxStreams: number, maxReceive: number): grpc.ServerOptions => ({
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_connection_age_ms": 30 * 60_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.max_concurrent_streams": maxStreams,
  "grpc.max_connection_idle_ms": 120_000,
  "grpc.max_receive_message_length": maxReceive,
  "grpc.max_send_message_length": MAX_SEND,
  "grpc-node.max_session_memory": 64,
  // Nothing here shows channelz, and it reads the clock for every message.
  "grpc.enable_channelz": 0
})

/** Milliseconds. GJ1 */
const HANDSHAKE = 10_000

/** grpc-js has no public hook for its HTTP/2 servers, and without them nothing would be limited. */
const http2ServersOf = (server: grpc.Server): ReadonlyArray<Http2Server> => {
  const inner = (server as unknown as { readonly http2Servers: Map<Http2Server, unknown> }).http2Servers
  return [...inner.keys()]
}

/** What grpc-js has left of a call that we took. */
const TAKEN = {
  start: () => {},
  startRead: () => {},
  sendMetadata: () => {},
  sendMessage: () => {},
  sendStatus: () => {},
  getPeer: () => "unknown",
  getDeadline: () => Number.POSITIVE_INFINITY,
  getHost: () => "",
  getAuthContext: () => ({}),
  getConnectionInfo: () => ({}),
  getMetricsRecorder: () => undefined as never
} satisfies grpc.ServerInterceptingCallInterface as unknown as grpc.ServerInterceptingCall

/** Takes every call before grpc-js makes anything of it. */
const taking =
  (handlers: ReadonlyMap<string, Handler>, largest: ReadonlyMap<string, number>): grpc.ServerInterceptor =>
  ({ path }, call) => {
    const taken = new GrpcJsCall(path, call, largest.get(path) ?? MESSAGE_BYTES)
    if (taken.came) handlers.get(path)?.(taken)
    return TAKEN
  }

const credentialsOf = (
  certificate: Certificate | undefined,
  rejectUnauthorized: boolean,
  handshake: number
): grpc.ServerCredentials => {
  if (certificate === undefined) return grpc.ServerCredentials.createInsecure()
  const { cert, key, ca, secureOptions } = certificate.now()
  const credentials = grpc.ServerCredentials.createSsl(
    ca === undefined ? null : Buffer.from(ca),
    [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
    ca !== undefined
  )
  // What its server is made with: it has no setting for this one.
  const inner = credentials as unknown as {
    readonly _getConstructorOptions: () => {
      handshakeTimeout?: number
      rejectUnauthorized?: boolean
      secureOptions?: number | undefined
    }
  }
  Object.assign(inner._getConstructorOptions(), { handshakeTimeout: handshake, rejectUnauthorized, secureOptions }) // GJ1, TC6
  return credentials
}

export const onGrpcJs = (below: BelowOptions): Below => {
  const { options, certificate, services, handlers, largest = new Map(), refuse, soon, isRefused = isWrong } = below
  const server = new grpc.Server({
    ...serverOptions(options.maxStreams, Math.max(MESSAGE_BYTES, ...largest.values())), // one for all; each call has its own
    interceptors: [taking(handlers, largest)]
  })
  for (const path of handlers.keys()) server.register(path, () => {}, asBytes, asBytes, "bidi")
  return {
    listen: async () => {
      const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync(
          formatAddress(options),
          credentialsOf(certificate, options.clientCertificates === "required", options.handshake ?? HANDSHAKE),
          (cause, bound) => (cause === null ? resolve(bound) : reject(cause))
        )
      )
      for (const http2 of http2ServersOf(server)) {
        if (certificate !== undefined) {
          certificate.keep(http2 as Http2SecureServer)
          http2.on("tlsClientError", ({ code }: NodeJS.ErrnoException, socket: Socket) => {
            if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") refuse("preface", socket.remoteAddress) // GJ1
            socket.destroy()
          })
          gate(http2, {
            secureConnection: (socket: Socket) => {
              if (!isRefused(socket)) return true
              refuse("client_certificate", socket.remoteAddress) // LV4
              socket.destroy()
              return false
            }
          })
        }
        guard(http2, { ...below.gate, services, ending: options.ending }, refuse, soon)
      }
      return port
    },
    leave: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    unsent: () => undefined,
    cut: () => server.forceShutdown()
  }
}
