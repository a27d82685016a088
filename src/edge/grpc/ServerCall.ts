/**
 * The port between handlers of gRPC and whatever speaks HTTP/2 below them: one call, as bytes. grpc-js gives it, and so does the lane
 * (layers/Grpc); nothing above knows which.
 *
 *   G12 Once `BYTES` bytes of a call, or on grpc-js 16 messages, wait in the transport, whoever sends is told to wait; messages keep their
 *       order.
 *   G13 However many messages arrive together, they are heard one after the other, each when it was asked for, none while another is being
 *       handled.
 */

import type { Certificate } from "../../access/Certificates.ts"

/** What may wait in the transport before its sender is told to wait. G12 */
export const BYTES = 65_536

/** Names in lower case; values of names that end in `-bin` are bytes. */
export interface CallMetadata {
  readonly get: (name: string) => ReadonlyArray<string | Buffer>
  /** The first value of each name. */
  readonly getMap: () => Readonly<Record<string, string | Buffer>>
}

/** Headers and trailers as they are sent: bytes, of names that end in `-bin`, in base64. */
export type Fields = Readonly<NodeJS.Dict<number | string | ReadonlyArray<string>>>

/** How a call ends. `code`: one of Code.ts. */
export interface CallStatus {
  readonly code: number
  readonly details: string
  readonly trailers?: Fields | undefined
}

export interface CallListener {
  /** The bytes are the listener's own. */
  readonly message: (bytes: Buffer) => void
  /** The client sends nothing more. */
  readonly end: () => void
  /** The call is over, whoever ended it; once, and nothing after it. */
  readonly over: () => void
}

/** The client's end of the connection. */
export interface Peer {
  /** Such as `127.0.0.1`, or `unknown`. */
  readonly address: string
  readonly port: number | undefined
}

export interface ServerCall {
  /** Such as `/herald.distribution.v1.DistributionService/Subscribe`. */
  readonly path: string
  readonly metadata: CallMetadata
  readonly peer: Peer
  /** What it speaks, as OpenTelemetry names it: gRPC when left out. */
  readonly system?: string | undefined
  /** What the client calls the server. */
  readonly host: string
  /** Milliseconds since 1970; `Infinity`: it has as long as it likes. */
  readonly deadline: number
  /** What its client's certificate says of it, where TLS checked one. */
  readonly certificate: () => Certificate | undefined
  /** Told with what the handler ends the call. */
  whenEnded: ((status: CallStatus) => void) | undefined
  /** From now on this one is told, and nobody else. Of a call that is over it hears so, in another turn. */
  readonly hear: (listener: CallListener) => void
  /** Asks for one message, or the end of them. What has come already is heard before this returns, except while another is handled. G13 */
  readonly read: () => void
  /** Sends headers, before any message. */
  readonly begin: (headers: Fields) => void
  /**
   * Sends a message, into whose bytes nobody may write from now on. False: too much waits, and `whenClear` says when more may be sent; or the
   * call is over. G12
   */
  readonly send: (message: Buffer) => boolean
  /** Sends the only answer of a call as JSON, whose client reads that; undefined: it does not. What is large is so made piece by piece. */
  readonly sendJson?: ((text: Buffer) => void) | undefined
  /** Calls back once, never within this call, when nothing waits; perhaps never when the call is over. One waits at a time. */
  readonly whenClear: (then: () => void) => void
  /** Ends the call after all that was sent. Nothing, when it is over. */
  readonly end: (status: CallStatus) => void
}

export type Handler = (call: ServerCall) => void

/** A method as generated code describes it. */
export interface MethodDefinition {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestDeserialize: (bytes: Buffer) => unknown
  // biome-ignore lint/suspicious/noExplicitAny: each method has its own message
  readonly responseSerialize: (message: any) => Buffer
  readonly originalName?: string | undefined
}

export type ServiceDefinition = Readonly<Record<string, MethodDefinition>>
