/**
 * Calls as handlers have them, of the four kinds: event emitters and object streams, as grpc-js gives them.
 *
 *   GC7  A handler that throws ends its call with UNKNOWN, as grpc-js does; a client that sends none or two messages where there has to be one
 *        is told UNIMPLEMENTED.
 */
import { EventEmitter } from "node:events"
import { Duplex } from "node:stream"
import type {
  CallListener,
  CallMetadata,
  CallStatus,
  MethodDefinition,
  ServerCall
} from "../../../src/edge/grpc/ServerCall.ts"
import { Status } from "./LaneCall.ts"

type Trailers = Pick<CallMetadata, "toHttp2Headers"> | null | undefined

/** What a handler fails with: an error with a code, or a status. */
interface Failure {
  readonly code?: unknown
  readonly message?: string
  readonly details?: unknown
  readonly metadata?: Trailers
}

const statusOf = (failure: Failure, trailers?: Trailers): CallStatus => {
  const isCode = Number.isInteger(failure.code)
  return {
    code: isCode ? (failure.code as number) : Status.UNKNOWN,
    details: isCode && typeof failure.details === "string" ? failure.details : (failure.message ?? "Unknown Error"),
    metadata: trailers ?? failure.metadata ?? null
  }
}

const surfaceOf = (call: ServerCall, path: string, metadata: CallMetadata) => ({
  metadata,
  cancelled: false,
  getPeer: () => call.getPeer(),
  sendMetadata: (sent: CallMetadata) => call.sendMetadata(sent),
  getDeadline: () => call.getDeadline(),
  getPath: () => path,
  getHost: () => call.getHost(),
  getAuthContext: () => (call as unknown as { getAuthContext: () => unknown }).getAuthContext(),
  getMetricsRecorder: () => undefined
})

/** For handlers of one request, whatever they answer with. */
const makeEmitter = (call: ServerCall, path: string, metadata: CallMetadata, request: unknown) =>
  Object.assign(new EventEmitter(), surfaceOf(call, path, metadata), { request })

/** For handlers that read or write more than one. */
class CallStream extends Duplex {
  readonly #call: ServerCall
  readonly #reads: boolean
  #status: CallStatus = { code: 0, details: "OK" }
  #trailers: Trailers
  cancelled = false

  constructor(call: ServerCall, reads: boolean) {
    super({ objectMode: true })
    this.#call = call
    this.#reads = reads
    this.on("error", (error: Failure) => {
      this.#status = statusOf(error)
      this.end()
    })
  }

  override _read(): void {
    if (this.#reads) this.#call.startRead()
  }

  override _write(message: unknown, _: string, done: () => void): void {
    this.#call.sendMessage(message as never, done)
  }

  override _final(done: () => void): void {
    done()
    this.#call.sendStatus({ ...this.#status, metadata: this.#status.metadata ?? this.#trailers })
  }

  // biome-ignore lint/suspicious/noExplicitAny: a stream's `end` has other arguments
  override end(trailers?: any): this {
    if (trailers !== undefined) this.#trailers = trailers
    return super.end()
  }
}

type Handler = (call: unknown, reply?: (failure: Failure | null, value?: unknown, trailers?: Trailers) => void) => void

const replying = (call: ServerCall) => (failure: Failure | null, value?: unknown, trailers?: Trailers) => {
  if (failure !== null) return call.sendStatus(statusOf(failure, trailers))
  call.sendMessage(value as never, () => {})
  call.sendStatus({ code: 0, details: "OK", metadata: trailers ?? null })
}

/** GC7 */
const begin = (call: ServerCall, handle: () => void): void => {
  try {
    handle()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    call.sendStatus({ code: Status.UNKNOWN, details: `Server method handler threw error ${message}` })
  }
}

/** Gives a call, once its interceptors let it through, to its handler. */
export const serve = (call: ServerCall, method: MethodDefinition, handler: Handler): void => {
  const listener = method.requestStream ? many(call, method, handler) : one(call, method, handler)
  call.start(listener)
}

const one = (call: ServerCall, method: MethodDefinition, handler: Handler): CallListener => {
  let metadata: CallMetadata
  let request: { readonly message: unknown } | undefined
  let surface: { cancelled: boolean; emit: (event: string, value: string) => boolean } | undefined
  let stream: CallStream | undefined
  const answer = () => {
    if (request === undefined) return
    const { message } = request
    if (!method.responseStream) {
      const unary = makeEmitter(call, method.path, metadata, message)
      surface = unary
      return begin(call, () => handler(unary, replying(call)))
    }
    stream = new CallStream(call, false)
    surface = Object.assign(stream, surfaceOf(call, method.path, metadata), { request: message })
    begin(call, () => handler(stream))
  }
  const count = (details: string) => call.sendStatus({ code: Status.UNIMPLEMENTED, details })
  return {
    onReceiveMetadata: (came: CallMetadata) => {
      metadata = came
      call.startRead()
    },
    onReceiveMessage: (message: unknown) => {
      if (request !== undefined) return count("Received a second request message for a method that takes one")
      request = { message }
      call.startRead()
    },
    onReceiveHalfClose: () => {
      if (request === undefined) return count("Received no request message for a method that takes one")
      answer()
    },
    onCancel: () => {
      if (surface === undefined) return
      surface.cancelled = true
      surface.emit("cancelled", "cancelled")
      stream?.destroy()
    }
  }
}

const many = (call: ServerCall, method: MethodDefinition, handler: Handler): CallListener => {
  let stream: CallStream | undefined
  return {
    onReceiveMetadata: (metadata: CallMetadata) => {
      const made = Object.assign(new CallStream(call, true), surfaceOf(call, method.path, metadata))
      stream = made
      begin(call, () => (method.responseStream ? handler(made) : handler(made, replying(call))))
    },
    onReceiveMessage: (message: unknown) => void stream?.push(message),
    onReceiveHalfClose: () => void stream?.push(null),
    onCancel: () => {
      if (stream === undefined) return
      stream.cancelled = true
      stream.emit("cancelled", "cancelled")
      stream.destroy()
    }
  }
}
