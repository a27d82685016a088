/**
 * The port between gRPC's handlers and whatever speaks HTTP/2 below them: a call as interceptors and handlers have it. grpc-js gives it, and so
 * does the lane (layers/Grpc/lane); nothing above has to know which.
 */

/** Names in lower case; values of names that end in `-bin` are bytes. */
export interface CallMetadata {
  readonly get: (name: string) => Array<string | Buffer>
  readonly getMap: () => Record<string, string | Buffer>
  readonly set: (name: string, value: string | Buffer) => void
  /** As they are sent: bytes in base64. */
  readonly toHttp2Headers: () => NodeJS.Dict<number | string | ReadonlyArray<string>>
}

export interface CallStatus {
  readonly code: number
  readonly details: string
  readonly metadata?: Pick<CallMetadata, "toHttp2Headers"> | null | undefined
}

export interface CallListener {
  readonly onReceiveMetadata: (metadata: never) => void
  readonly onReceiveMessage: (message: never) => void
  /** The client sends nothing more. */
  readonly onReceiveHalfClose: () => void
  /** The call is over, whoever ended it; once. */
  readonly onCancel: () => void
}

export interface ServerCall {
  readonly start: (listener: CallListener) => void
  /** Asks for one message, or the end of them. */
  readonly startRead: () => void
  readonly sendMetadata: (metadata: Pick<CallMetadata, "toHttp2Headers">) => void
  /** `sent`: it does not wait any more. Never called when the call ends before. */
  readonly sendMessage: (message: never, sent: () => void) => void
  readonly sendStatus: (status: CallStatus) => void
  /** Such as `127.0.0.1:50312`, or `unknown`. */
  readonly getPeer: () => string
  readonly getDeadline: () => Date | number
  readonly getHost: () => string
}

/** A method as generated code describes it. */
export interface MethodDefinition {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestDeserialize: (bytes: Buffer) => unknown
  readonly responseSerialize: (message: never) => Buffer
  readonly originalName?: string | undefined
}
