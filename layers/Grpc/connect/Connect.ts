/**
 * Services over Connect (https://connectrpc.com/docs/protocol) and gRPC-Web, in binary and in JSON, for what carries requests of HTTP.
 *
 *   CJ4  A message has at most as many bytes as over gRPC, before and after JSON; compressed ones are refused unread. D3
 *   CJ6  Messages in binary reach their handler as the bytes that came, and those in JSON as what was written, or not at all. G9
 *   CJ5  A call over Connect is served by the handler that serves it over gRPC: who may, how often and how much is said once.
 */
import { create, createFileRegistry, type DescMessage, type DescMethod, fromBinary, toBinary } from "@bufbuild/protobuf"
import { EmptySchema, type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type MethodImpl
} from "@connectrpc/connect"
import { createAsyncIterable, type UniversalHandlerFn } from "@connectrpc/connect/protocol"
import { MESSAGE_BYTES } from "../../../src/edge/grpc/Decode.ts"
import type { Handler } from "../../../src/edge/grpc/ServerCall.ts"
import { timeoutOf } from "../lane/LaneCall.ts"
import { MAX_SEND } from "../MaxSend.ts"
import { ConnectCall, type Origin } from "./ConnectCall.ts"

/** Milliseconds: what a timer may have. */
const LONGEST = 2 ** 31 - 1

/** A request of HTTP, whatever carries it. */
export interface Exchange extends Origin {
  readonly httpVersion: "1.1" | "2"
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array>
  /** Aborts when its client is gone, and when it is over. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array> | undefined
}

/** Text that is no UTF-8 is refused. CJ6 */
const JSON_OPTIONS = { ignoreUnknownFields: true, textDecoder: new TextDecoder("utf-8", { fatal: true }) }

/** By path; undefined: there is no such method. Rejects only where its client is gone. */
export type Connect = (path: string) => ((exchange: Exchange) => Promise<Answer>) | undefined

const origins = createContextKey<Origin>(undefined as never)
const calls = createContextKey<ConnectCall>(undefined as never)

const bytesOf = (of: DescMessage, message: object): Buffer => {
  const { buffer, byteOffset, byteLength } = toBinary(of, message as never)
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** What the library calls for a method: its messages become bytes, and the answers' bytes messages. */
const implementationOf = ({ methodKind, input, output }: DescMethod): MethodImpl<DescMethod> | undefined => {
  if (methodKind === "unary")
    return (async (message: object, { values }: HandlerContext) =>
      fromBinary(output, await values.get(calls).answer(bytesOf(input, message)))) as never
  if (methodKind === "server_streaming")
    return async function* (message: object, { values }: HandlerContext) {
      for await (const answer of values.get(calls).answers(bytesOf(input, message))) yield fromBinary(output, answer)
    } as never
  return undefined // HTTP/1.1 carries no others
}

/** In binary, messages go through the library as they are: all their fields are unknown to it. CJ6 */
const asItIs = (method: DescMethod): DescMethod =>
  ({ ...method, input: EmptySchema, output: EmptySchema }) as unknown as DescMethod

const isReadable = (bytes: Uint8Array): boolean => {
  try {
    fromBinary(EmptySchema, bytes)
    return true
  } catch {
    return false
  }
}

/** Bytes before a message of a stream, and of gRPC-Web. */
const PREFIX = 5

/** The library says INTERNAL of bytes that are no message. G9 */
const readable = async function* (body: AsyncIterable<Uint8Array>, prefix: number) {
  const parts: Array<Uint8Array> = []
  let size = 0
  for await (const part of body) {
    parts.push(part)
    size += part.length
    if (size > MESSAGE_BYTES + prefix) break // which the library says
  }
  const whole = Buffer.concat(parts, size)
  if (size <= MESSAGE_BYTES + prefix && !isReadable(whole.subarray(prefix)))
    throw new ConnectError("the message is not one of this method: its bytes can't be read", Code.InvalidArgument)
  yield whole
}

/** A time that no timer has is as good as none. */
const withoutEndless = (headers: Headers): Headers => {
  const millis = Number(headers.get("connect-timeout-ms") ?? timeoutOf(headers.get("grpc-timeout") ?? "") ?? 0)
  if (!(millis > LONGEST)) return headers
  const without = new Headers(headers)
  without.delete("connect-timeout-ms")
  without.delete("grpc-timeout")
  return without
}

export interface ConnectOptions {
  /** By path. */
  readonly handlers: ReadonlyMap<string, Handler>
  /** What describes the services. */
  readonly files: FileDescriptorSet["file"]
  /** Their names. */
  readonly services: ReadonlyArray<string>
}

export const makeConnect = ({ handlers, files, services }: ConnectOptions): Connect => {
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files }))
  const methods = services.flatMap((name) => registry.getService(name)?.methods ?? [])
  const routed = (described: (method: DescMethod) => DescMethod) => {
    const router = createConnectRouter({
      ...{ readMaxBytes: MESSAGE_BYTES, writeMaxBytes: MAX_SEND, acceptCompression: [], maxTimeoutMs: LONGEST }, // CJ4
      jsonOptions: JSON_OPTIONS,
      grpc: false,
      requestGate: (context) => {
        const path = new URL(context.url).pathname
        const call = new ConnectCall(path, context, context.values.get(origins))
        context.values.set(calls, call)
        return call.serve(handlers.get(path)!) // CJ1, CJ5
      }
    })
    for (const method of methods) {
      const implementation = handlers.has(pathOf(method)) ? implementationOf(described(method)) : undefined
      if (implementation !== undefined) router.rpc(described(method), implementation)
    }
    return new Map<string, UniversalHandlerFn>(router.handlers.map((handler) => [handler.requestPath, handler]))
  }
  const [inBinary, inJson] = [routed(asItIs), routed((method) => method)]

  return (path) => {
    if (!inJson.has(path)) return undefined
    return async ({ httpVersion, headers, body, signal, ...origin }) => {
      const type = headers.get("content-type") ?? ""
      const isJson = /json/i.test(type)
      const prefix = /connect\+|grpc/i.test(type) ? PREFIX : 0
      const handle = (isJson ? inJson : inBinary).get(path)!
      const contextValues = createContextValues().set(origins, origin)
      const answer = await handle({
        ...{ httpVersion, method: "POST", url: `http://localhost${path}`, signal },
        ...{ header: withoutEndless(headers), body: isJson ? body : readable(body, prefix) },
        contextValues
      })
      const text = answer.status === 200 ? (contextValues.get(calls) as ConnectCall | undefined)?.text : undefined
      if (text !== undefined) {
        const said = new Headers(answer.header)
        said.set("content-length", String(text.length))
        return { status: 200, headers: said, body: createAsyncIterable([text]) }
      }
      return { status: answer.status, headers: answer.header ?? new Headers(), body: answer.body }
    }
  }
}

const pathOf = ({ parent, name }: DescMethod): string => `/${parent.typeName}/${name}`
