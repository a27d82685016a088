/** A door with one WebSocket, and clients that write bytes as they like. */
import { connect, type Socket as NodeSocket } from "node:net"
import { Effect, Exit, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as L from "effect/Layer"
import { afterEach } from "vitest"
import * as Http from "../../../layers/Http/HttpServer.ts"
import { type Socket, SocketDoor, type SocketRoute } from "../../../src/edge/websocket/Socket.ts"

let ends = async () => {}
/** Ends the door, as a server that leaves does. */
export const stop = async (): Promise<void> => {
  const end = ends
  ends = async () => {}
  await end()
}
const sockets: Array<NodeSocket> = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await stop()
})

export const start = async (
  open: (socket: Socket) => void,
  limits: Partial<Http.HttpOptions> = {},
  route: Partial<SocketRoute> = {}
) => {
  const scope = Effect.runSync(Scope.make())
  ends = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const routes = L.effectDiscard(
    Effect.map(SocketDoor, (door) => door.serve([{ path: "/ws", protocol: "p", largest: 10_000, open, ...route }]))
  )
  const server = HttpRouter.serve(
    HttpRouter.add("GET", "/ws", HttpServerResponse.text("no socket", { status: 426 })).pipe(
      L.merge(routes)
    ) as L.Layer<never, never, HttpRouter.HttpRouter>,
    { disableLogger: true, disableListenLog: true }
  ).pipe(L.provideMerge(Http.layer({ host: "127.0.0.1", port: 0, ...limits })), L.buildWithScope(scope))
  const context = await Effect.runPromise(server)
  return Effect.runPromise(Http.boundPort.pipe(Effect.provideContext(context)))
}

export const UPGRADE = {
  host: "a",
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="
}
export const dial = async (
  port: number,
  headers: Record<string, string> = UPGRADE,
  behind: Uint8Array = Buffer.alloc(0),
  localAddress = "127.0.0.1"
) => {
  const socket = connect({ port, host: "127.0.0.1", localAddress })
  sockets.push(socket)
  const seen = { closed: false, text: "" }
  socket.on("error", () => {})
  socket.on("close", () => {
    seen.closed = true
  })
  socket.on("data", (data) => (seen.text += data.toString("latin1")))
  await new Promise((resolve) => socket.once("connect", resolve))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(Buffer.concat([Buffer.from(`GET /ws HTTP/1.1\r\n${lines.join("")}\r\n`), behind]))
  return { socket, seen }
}
