/** The port of what speaks HTTP/2 below the services of the gRPC door: a lane of our own (Lane.ts), or grpc-js (GrpcJs.ts). */
import type { Refuse } from "../../src/access/Refusals.ts"
import type { Handler } from "../../src/edge/grpc/ServerCall.ts"
import type { Origins } from "../../src/net/Origins.ts"
import type { Slices } from "../../src/work/Slices.ts"
import type { Certificate } from "../Sockets/Certificate.ts"
import type { GateOptions } from "../Sockets/Gate.ts"
import type { Connect } from "./connect/Connect.ts"
import type { Ending } from "./Gate.ts"

export interface Below {
  /** The port that was opened; rejects with why it can't be. */
  readonly listen: () => Promise<number>
  /** Asks all connections to go, and resolves when they are gone. D1 */
  readonly leave: () => Promise<void>
  /** Bytes that wait to be sent, each message once; undefined where that is not known. */
  readonly unsent: () => number | undefined
  /** Cuts what is left. D1 */
  readonly cut: () => void
}

export interface BelowOptions {
  readonly options: {
    readonly host: string
    readonly port: number
    readonly maxStreams: number
    readonly ending?: Ending
    /** Milliseconds for a TLS handshake; 10,000 when left out. */
    readonly handshake?: number
    readonly clientCertificates?: "optional" | "required" | undefined
  }
  readonly gate: GateOptions
  readonly certificate: Certificate | undefined
  /** Names of the services that ask for a token. */
  readonly services: ReadonlyArray<string>
  /** By path; calls to any other are UNIMPLEMENTED. */
  readonly handlers: ReadonlyMap<string, Handler>
  /** Bytes of a message that comes on a path, where it is more than `MESSAGE_BYTES`. */
  readonly largest?: ReadonlyMap<string, number>
  /** Calls of Connect and gRPC-Web, which the lane serves and grpc-js can't. */
  readonly connect: Connect
  /** Whose pages may call so from browsers. */
  readonly origins: Origins
  readonly refuse: Refuse
  /** Whether the certificate of a new connection is one that is not taken. LV4 in lane/Arrivals.ts */
  readonly isRefused?: (socket: unknown) => boolean
  /** Something threw that never should. */
  readonly defect: (error: unknown) => void
  readonly soon: Slices["soon"]
}
