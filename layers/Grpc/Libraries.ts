/**
 * Services of libraries, such as health and reflection: they add themselves as they do to grpc-js's server, and get calls as it gives them, of
 * the four kinds: event emitters and object streams.
 *
 *   GC7  A handler that throws ends its call with UNKNOWN, as on grpc-js. A message that can't be decoded is its sender's fault. G9
 */
import { EventEmitter } from "node:events"
import { Duplex } from "node:stream"
import type { Server } from "@grpc/grpc-js"
import { Code } from "../../src/edge/grpc/Code.ts"
import type {
  CallStatus,
  Fields,
  Handler,
  MethodDefinition,
  ServerCall,
  ServiceDefinition
} from "../../src/edge/grpc/ServerCall.ts"
import { OK, statusOf } from "../../src/edge/grpc/Status.ts"
import { hearOne } from "../../src/edge/grpc/Unary.ts"
import { failure } from "../../src/errors/HeraldError.ts"

/** As libraries have it. */
type Metadata = { readonly toHttp2Headers: () => Fields } | null | undefined

/** What a handler fails with: an error with a code, or a status. */
interface Failure {
  readonly code?: unknown
  readonly message?: string
  readonly details?: unknown
  readonly metadata?: Metadata
}

type Reply = (failure: Failure | null, value?: unknown, trailers?: Metadata) => void
// biome-ignore lint/suspicious/noExplicitAny: each library has types of its own for its calls
type LibraryHandler = (call: any, reply?: any) => void

const unreadable = statusOf(failure("InvalidInput", "the message is not one of this method: its bytes can't be read"))

const withTrailers = (status: CallStatus, trailers: Metadata): CallStatus =>
  trailers === null || trailers === undefined ? status : { ...status, trailers: trailers.toHttp2Headers() }

const statusOfFailure = (failure: Failure, trailers?: Metadata): CallStatus => {
  const isCode = Number.isInteger(failure.code)
  const status = {
    code: isCode ? (failure.code as number) : Code.UNKNOWN,
    details: isCode && typeof failure.details === "string" ? failure.details : (failure.message ?? "Unknown Error")
  }
  return withTrailers(status, trailers ?? failure.metadata)
}

const surfaceOf = (call: ServerCall) => ({
  metadata: call.metadata,
  cancelled: false,
  getPeer: () => (call.peer.port === undefined ? call.peer.address : `${call.peer.address}:${call.peer.port}`),
  sendMetadata: (sent: Metadata) => call.begin(sent?.toHttp2Headers() ?? {}),
  getDeadline: () => call.deadline,
  getPath: () => call.path,
  getHost: () => call.host,
  getAuthContext: () => ({}),
  /** Nothing here is measured for load balancers. */
  getMetricsRecorder: () => undefined
})

const bytesOf = (call: ServerCall, { responseSerialize }: MethodDefinition, value: unknown): Buffer | undefined => {
  try {
    return responseSerialize(value)
  } catch {
    call.end({ code: Code.INTERNAL, details: "the answer can't be written" })
    return undefined
  }
}

/** G9 */
const decoded = (
  call: ServerCall,
  { requestDeserialize }: MethodDefinition,
  bytes: Buffer,
  then: (value: unknown) => void
) => {
  let value: unknown
  try {
    value = requestDeserialize(bytes)
  } catch {
    return call.end(unreadable)
  }
  then(value)
}

/** For handlers that read or write more than one. */
class CallStream extends Duplex {
  readonly #call: ServerCall
  readonly #method: MethodDefinition
  #status = OK
  #trailers: Metadata
  cancelled = false

  constructor(call: ServerCall, method: MethodDefinition) {
    super({ objectMode: true })
    this.#call = call
    this.#method = method
    this.on("error", (error: Failure) => {
      this.#status = statusOfFailure(error)
      this.end()
    })
  }

  override _read(): void {
    if (this.#method.requestStream) this.#call.read()
  }

  override _write(message: unknown, _: string, done: () => void): void {
    const bytes = bytesOf(this.#call, this.#method, message)
    if (bytes === undefined) return
    this.#call.send(bytes)
    this.#call.whenClear(done)
  }

  override _final(done: () => void): void {
    done()
    this.#call.end(this.#status.trailers === undefined ? withTrailers(this.#status, this.#trailers) : this.#status)
  }

  // biome-ignore lint/suspicious/noExplicitAny: a stream's `end` has other arguments
  override end(trailers?: any): this {
    if (trailers !== undefined) this.#trailers = trailers
    return super.end()
  }
}

const replying =
  (call: ServerCall, method: MethodDefinition): Reply =>
  (failure, value, trailers) => {
    if (failure !== null) return call.end(statusOfFailure(failure, trailers))
    const bytes = bytesOf(call, method, value)
    if (bytes === undefined) return
    call.send(bytes)
    call.end(withTrailers(OK, trailers))
  }

/** GC7 */
const begin = (call: ServerCall, handle: () => void): void => {
  try {
    handle()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    call.end({ code: Code.UNKNOWN, details: `Server method handler threw error ${message}` })
  }
}

const many = (call: ServerCall, method: MethodDefinition, handler: LibraryHandler): void => {
  const stream = Object.assign(new CallStream(call, method), surfaceOf(call))
  call.hear({
    message: (bytes) => decoded(call, method, bytes, (value) => void stream.push(value)),
    end: () => void stream.push(null),
    over: () => cancel(stream, stream)
  })
  begin(call, () => (method.responseStream ? handler(stream) : handler(stream, replying(call, method))))
}

interface Surface {
  cancelled: boolean
  readonly emit: (event: string, value: string) => boolean
}

const cancel = (surface: Surface | undefined, stream?: Duplex): void => {
  if (surface === undefined) return
  surface.cancelled = true
  surface.emit("cancelled", "cancelled")
  stream?.destroy()
}

const one = (call: ServerCall, method: MethodDefinition, handler: LibraryHandler): void => {
  let surface: Surface | undefined
  let stream: CallStream | undefined
  const answer = (request: unknown) => {
    if (method.responseStream) {
      stream = new CallStream(call, method)
      surface = Object.assign(stream, surfaceOf(call), { request })
      return begin(call, () => handler(stream))
    }
    const unary = Object.assign(new EventEmitter(), surfaceOf(call), { request })
    surface = unary
    begin(call, () => handler(unary, replying(call, method)))
  }
  hearOne(
    call,
    (bytes) => decoded(call, method, bytes, answer),
    () => cancel(surface, stream)
  )
}

export class Libraries {
  /** By path. */
  readonly handlers = new Map<string, Handler>()

  /** As grpc-js's: handlers by the names of their methods, or those of the proto file. */
  addService(definition: ServiceDefinition, implementation: object): void {
    const given = implementation as Readonly<Record<string, LibraryHandler | undefined>>
    for (const [name, method] of Object.entries(definition)) {
      const handler = given[name] ?? given[method.originalName ?? name]
      if (handler === undefined) continue
      const serve = method.requestStream ? many : one
      this.handlers.set(method.path, (call) => serve(call, method, handler.bind(given)))
    }
  }

  /** What a library may call is `addService`. */
  get server(): Server {
    return this as unknown as Server
  }
}
