/** The port of what speaks HTTP/2 below the services of the gRPC door: grpc-js (GrpcJs.ts), or a lane of our own (Lane.ts). */
import type { Server, ServerInterceptor } from "@grpc/grpc-js"
import type { Refuse } from "../../src/access/Refusals.ts"
import type { Slices } from "../../src/work/Slices.ts"
import type { Certificate } from "../Sockets/Certificate.ts"
import type { GateOptions } from "../Sockets/Gate.ts"
import type { Ending } from "./Gate.ts"

type Decode = (bytes: Buffer) => unknown

export interface Below {
  /** Where services add themselves: `addService` is all that any of them calls. */
  readonly services: Pick<Server, "addService"> & Server
  /** Decodes the requests of a method otherwise, once all services are added. */
  readonly decodeWith: (change: (path: string, decode: Decode) => Decode) => void
  /** The port that was opened; rejects with why it can't be. */
  readonly listen: () => Promise<number>
  /** Asks all connections to go, and resolves when they are gone. D1 */
  readonly leave: () => Promise<void>
  /** Cuts what is left. D1 */
  readonly cut: () => void
}

export interface BelowOptions {
  readonly options: {
    readonly host: string
    readonly port: number
    readonly maxStreams: number
    readonly ending?: Ending
  }
  readonly gate: GateOptions
  readonly certificate: Certificate | undefined
  /** Names of the services that ask for a token. */
  readonly services: ReadonlyArray<string>
  readonly interceptor: ServerInterceptor
  readonly refuse: Refuse
  readonly soon: Slices["soon"]
}
