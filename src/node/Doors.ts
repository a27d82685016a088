/** Opens the doors of a node: HTTP and gRPC. */
import { Context, Effect, Layer } from "effect"
import { connectionsFor, GrpcServer } from "../../layers/Grpc/GrpcServer.ts"
import * as HttpServer from "../../layers/Http/HttpServer.ts"
import * as Packer from "../../layers/Http/Packer.ts"
import { serve } from "../edge/http/Http.ts"
import { Feeds } from "../feeds/Feeds.ts"
import { FlagStreams } from "../flags/FlagStreams.ts"
import { dialable, formatAddress } from "../net/Address.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as Node from "./Node.ts"
import { filesOf } from "./Secrecy.ts"

type Doors = Pick<Settings, "http" | "grpc" | "gate" | "tls" | "flags">

export const doors = (settings: Doors) => {
  const { http, grpc, gate, flags } = settings
  const files = filesOf(settings)
  const half = (all: number) => gate.perAddress ?? Math.ceil(all / 2)
  const { exempt } = gate
  return Layer.mergeAll(
    leaving.pipe(
      Layer.provideMerge(serve(Node.http)),
      Layer.provide(Packer.layer),
      Layer.provideMerge(
        HttpServer.layer({
          ...{ ...http, tls: files.http, exempt, perAddress: half(http.maxConnections) },
          sockets: HttpServer.socketsFor(http.maxSockets)
        })
      )
    ),
    GrpcServer.layer(
      {
        ...{ ...grpc, tls: files.grpc, exempt, origins: [...flags.origins, ...http.origins] },
        perAddress: half(connectionsFor(grpc.maxStreams))
      },
      Node.grpc
    )
  )
}

/** What is followed ends before its door closes. FF4, FT4 */
const leaving = Layer.effectDiscard(
  Effect.flatMap(Effect.all([Feeds, FlagStreams]), (all) =>
    Effect.addFinalizer(() => Effect.forEach(all, ({ drain }) => drain, { discard: true }))
  )
)

/** Addresses of the doors, for programs of this machine. */
export const addressesOf = Effect.fnUntraced(function* (
  { http, grpc, tls }: Doors,
  opened: Context.Context<Layer.Success<ReturnType<typeof doors>>>
) {
  const at = (host: string, port: number) => formatAddress({ host: dialable(host), port })
  return {
    http: `${tls.cert === undefined ? "http" : "https"}://${at(http.host, yield* Effect.provideContext(HttpServer.boundPort, opened))}`,
    grpc: at(grpc.host, Context.get(opened, GrpcServer).port)
  }
})
