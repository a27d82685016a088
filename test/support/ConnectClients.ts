/** Clients of Connect and gRPC-Web for services of flags, at a door of Herald. */

import { readFileSync } from "node:fs"
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect"
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node"
import { Effect } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Flags } from "../../src/flags/Flags.ts"
import type { Door } from "./Door.ts"

const read = (name: string) =>
  createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL(`../../proto/generated/${name}.binpb`, import.meta.url)))
  )
const registries = [read("herald"), read("health")]

// biome-ignore lint/suspicious/noExplicitAny: the methods of whatever service it is
export type Any = any

/** The ways to ask. */
export const ways = [
  "Connect, binary",
  "Connect, JSON",
  "gRPC-Web, binary",
  "gRPC-Web, JSON",
  "Connect on HTTP/2, JSON",
  "gRPC-Web on HTTP/2, binary"
] as const
export type Way = (typeof ways)[number]

export const transportOf = (
  baseUrl: string,
  way: Way,
  headers: Readonly<Record<string, string>> = {},
  more: Partial<Parameters<typeof createConnectTransport>[0]> = {}
): Transport => {
  const saying: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value)
    return next(request)
  }
  const options = {
    ...{
      baseUrl,
      httpVersion: way.includes("HTTP/2") ? ("2" as const) : ("1.1" as const),
      useBinaryFormat: way.endsWith("binary"),
      interceptors: [saying]
    },
    ...(more as object)
  }
  return way.startsWith("Connect") ? createConnectTransport(options) : createGrpcWebTransport(options)
}

export const clientOf = (service: string, transport: Transport): Any => {
  const found = registries.map((registry) => registry.getService(service)).find((its) => its !== undefined)
  return createClient(found!, transport)
}

export const V2 = "flagd.evaluation.v2.Service"

export const codeOf = async (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "ok",
    (error) => (error instanceof ConnectError ? `${error.code}` : String(error))
  )

export const put = (door: Door, key: string, definition: unknown, environment = "production"): Promise<unknown> =>
  door.run(
    Effect.flatMap(Flags, (flags) =>
      flags.publish(
        { environment, key, definition: definition === null ? null : JSON.stringify(definition) },
        { message: "" }
      )
    ).pipe(Effect.provideService(CurrentIdentity, system))
  )

/** Messages of a stream as they come, and its end. */
export const follow = (stream: AsyncIterable<Any>) => {
  const got: Array<Any> = []
  const end: { code?: number | "ok" } = {}
  void (async () => {
    try {
      for await (const message of stream) got.push(message)
      end.code = "ok"
    } catch (error) {
      end.code = ConnectError.from(error).code
    }
  })()
  return { got, end }
}
