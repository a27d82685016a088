/** A server of the lane with one service, and grpc-js as its client. */
import type { Socket } from "node:net"
import {
  credentials,
  type Client as GrpcClient,
  Metadata,
  makeGenericClientConstructor,
  type ServiceError
} from "@grpc/grpc-js"
import { Libraries } from "../../../../layers/Grpc/Libraries.ts"
import { type LaneOptions, LaneServer } from "../../../../layers/Grpc/lane/LaneServer.ts"
import { until } from "../../../support/turn.ts"

export const asItIs = (bytes: Buffer) => bytes
export const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/a.B/${name}`, requestStream, responseStream },
  ...{ requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs }
})
export const definition = {
  say: method("Say", false, false),
  count: method("Count", false, true),
  sum: method("Sum", true, false),
  talk: method("Talk", true, true)
}

export const closing: Array<() => void> = []
/** After each test. */
export const closeAll = (): void => {
  for (const close of closing.splice(0)) close()
}

// biome-ignore lint/suspicious/noExplicitAny: handlers and clients of four kinds
export type Any = any
export const handlers = {
  say: (call: Any, reply: Any) => {
    const text = String(call.request)
    if (text === "throw") throw new Error("thrown")
    if (text === "fail") return reply({ code: 9, details: "no – 50 %", metadata: call.metadata })
    const metadata = new Metadata()
    metadata.set("peer", call.getPeer())
    metadata.set("bytes-bin", Buffer.from([0, 255]))
    call.sendMetadata(metadata)
    reply(null, Buffer.from(`${text} ${call.metadata.get("who")} ${call.getHost() !== ""}`), metadata)
  },
  count: (call: Any) => {
    for (let n = 1; n <= 3; n++) call.write(Buffer.from(String(n)))
    call.end()
  },
  sum: (call: Any, reply: Any) => {
    let sum = 0
    call.on("data", (bytes: Buffer) => {
      sum += bytes.length
    })
    call.on("end", () => reply(null, Buffer.from(String(sum))))
  },
  talk: (call: Any) => {
    call.on("data", (bytes: Buffer) => call.write(bytes))
    call.on("end", () => call.end())
    call.on("error", () => {})
  }
}

/** A server with one service of a library. */
export const makeServer = (options: LaneOptions = {}, given: object = handlers): LaneServer => {
  const libraries = new Libraries()
  libraries.addService(definition, given)
  return new LaneServer({ handlers: libraries.handlers, ...options })
}

export const open = async (options: LaneOptions = {}, given: object = handlers) => {
  const server = makeServer(options, given)
  const sockets = new Map<number, Socket>()
  server.make().prependListener("connection", (socket: Socket) => sockets.set(socket.remotePort!, socket))
  const port = await server.listen("127.0.0.1", 0)
  const Client = makeGenericClientConstructor(definition as Any, "B")
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure()) as GrpcClient & Record<string, Any>
  closing.push(() => {
    client.close()
    server.destroy()
  })
  const say = (text: string | Buffer, options: object = {}) =>
    new Promise<{ error: ServiceError | null; answer: Buffer | undefined }>((resolve) => {
      const metadata = new Metadata()
      metadata.set("who", "me")
      client["say"](Buffer.from(text), metadata, options, (error: ServiceError | null, answer?: Buffer) =>
        resolve({ error, answer })
      )
    })
  /** The server's end of the connection that came from this port. */
  const heard = (port: number) => sockets.get(port)
  return { server, port, client, say, heard }
}

export const heard = (call: Any) => {
  const got: Array<Buffer> = []
  const seen: { status: Any } = { status: undefined }
  call.on("data", (bytes: Buffer) => got.push(bytes))
  call.on("error", () => {})
  call.on("status", (status: Any) => {
    seen.status = status
  })
  return { got, seen, ended: () => until(() => seen.status !== undefined) }
}
