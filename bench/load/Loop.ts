/**
 * A server in a closed loop: 100 events in one frame go to every connection, and the next frame as soon as all of it is with the kernel.
 * `node Loop.ts lane|net <connections>`, also on Deno. Prints its port, begins when all are connected, and ends when its input does.
 */
import { type AddressInfo, createServer, type Socket } from "node:net"
import process from "node:process"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import type { ServerCall } from "../../src/edge/grpc/ServerCall.ts"
import * as Frames from "./Frames.ts"
import { MESSAGE } from "./Sink.ts"

const [, , kind, count] = process.argv
const connections = Number(count)
const message = Buffer.alloc(MESSAGE, "an event of no meaning, ")

const lane = (): Promise<number> => {
  const calls: Array<ServerCall> = []
  let waiting = 0
  const round = () => {
    waiting = calls.length
    for (const call of calls) {
      call.send(message)
      call.whenClear(clear)
    }
  }
  const clear = () => {
    if (--waiting === 0) round()
  }
  const subscribe = (call: ServerCall) => {
    call.hear({ message: () => {}, end: () => {}, over: () => {} })
    if (calls.push(call) === connections) setImmediate(round)
  }
  const handlers = new Map([["/herald.distribution.v1.DistributionService/Subscribe", subscribe]])
  return new LaneServer({ handlers }).listen("127.0.0.1", 0)
}

const net = (): Promise<number> => {
  const sockets = new Set<Socket>()
  const frame = Frames.dataFrame(message)
  let waiting = 0
  const round = () => {
    waiting = sockets.size
    for (const socket of sockets) socket.write(frame, written)
  }
  const written = () => {
    if (--waiting === 0) setImmediate(round)
  }
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    socket.on("data", () => {
      if (sockets.has(socket)) return
      socket.write(Frames.hello())
      sockets.add(socket)
      if (sockets.size === connections) setImmediate(round)
    })
  })
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", 1_024, () => resolve((server.address() as AddressInfo).port))
  )
}

console.log(await (kind === "lane" ? lane() : net()))
process.stdin.resume()
process.stdin.on("end", () => process.exit())
