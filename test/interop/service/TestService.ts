/** gRPC's own interop service (doc/interop-test-descriptions.md), by handlers as the lane takes them. */
import { Metadata } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { Libraries } from "../../../layers/Grpc/Libraries.ts"

const file = new URL("testing.proto", import.meta.url).pathname
export const definition = loadSync(file, { keepCase: true, defaults: true })["grpc.testing.TestService"]

const INITIAL = "x-grpc-test-echo-initial"
const TRAILING = "x-grpc-test-echo-trailing-bin"

interface Status {
  readonly code: number
  readonly message: string
}

interface Asked {
  readonly response_size: number
  readonly response_parameters: ReadonlyArray<{ readonly size: number; readonly interval_us: number }>
  readonly response_status: Status | null
  readonly payload: { readonly body: Buffer } | null
}

/** What handlers of the four kinds use of a call. */
interface Call {
  readonly metadata: Metadata
  readonly request: Asked
  readonly sendMetadata: (metadata: Metadata) => void
  readonly write: (message: object) => boolean
  readonly end: (trailers?: Metadata) => void
  readonly emit: (event: "error", failure: object) => boolean
  readonly iterator: (options: { readonly destroyOnReturn: boolean }) => AsyncIterable<Asked>
  readonly once: (event: "drain" | "close", then: () => void) => void
  readonly off: (event: "drain" | "close", then: () => void) => void
  readonly destroyed: boolean
}
type Reply = (failure: object | null, value?: object, trailers?: Metadata) => void

const only = (from: Metadata, name: string): Metadata => {
  const one = new Metadata()
  for (const value of from.get(name)) one.add(name, value)
  return one
}

const echo = (call: Call): Metadata => {
  if (call.metadata.get(INITIAL).length > 0) call.sendMetadata(only(call.metadata, INITIAL))
  return only(call.metadata, TRAILING)
}

const payload = (size: number) => ({ payload: { type: "COMPRESSABLE", body: Buffer.alloc(size) } })
const failing = ({ response_status: status }: Asked) =>
  status !== null && status.code !== 0 ? { code: status.code, details: status.message } : undefined

const room = (call: Call): Promise<void> =>
  new Promise((resolve) => {
    const go = () => {
      call.off("drain", go)
      call.off("close", go)
      resolve()
    }
    call.once("drain", go)
    call.once("close", go)
  })

const answer = async (call: Call, asked: Asked): Promise<void> => {
  for (const { size, interval_us: pause } of asked.response_parameters) {
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause / 1_000))
    if (call.destroyed) return
    if (!call.write(payload(size))) await room(call)
  }
}

/** Who reads a call that was cut off is thrown out of it: nothing is left to say. */
const untilCut = (call: Call, work: () => Promise<void>): void => {
  work().catch((error) => {
    if (!call.destroyed) call.emit("error", error)
  })
}

const messages = (call: Call) => call.iterator({ destroyOnReturn: false })

const handlers = {
  EmptyCall: (_: Call, reply: Reply) => reply(null, {}),
  UnaryCall: (call: Call, reply: Reply) => {
    const trailers = echo(call)
    const failure = failing(call.request)
    if (failure !== undefined) return reply(failure, undefined, trailers)
    reply(null, payload(call.request.response_size), trailers)
  },
  StreamingOutputCall: (call: Call) =>
    untilCut(call, async () => {
      await answer(call, call.request)
      call.end()
    }),
  StreamingInputCall: (call: Call, reply: Reply) =>
    untilCut(call, async () => {
      let sum = 0
      for await (const { payload } of messages(call)) sum += payload?.body.length ?? 0
      reply(null, { aggregated_payload_size: sum })
    }),
  FullDuplexCall: (call: Call) =>
    untilCut(call, async () => {
      const trailers = echo(call)
      for await (const asked of messages(call)) {
        const failure = failing(asked)
        if (failure !== undefined) return void call.emit("error", failure)
        await answer(call, asked)
      }
      call.end(trailers)
    }),
  HalfDuplexCall: (call: Call) =>
    untilCut(call, async () => {
      const all: Array<Asked> = []
      for await (const asked of messages(call)) all.push(asked)
      for (const asked of all) await answer(call, asked)
      call.end()
    })
}

/** As a server of the lane takes it. */
export const testService = (): Libraries["handlers"] => {
  const libraries = new Libraries()
  libraries.addService(definition as never, handlers)
  return libraries.handlers
}
