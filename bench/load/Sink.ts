/** Connections that read all that comes and count its bytes, with windows that never close. Forked: `Sink.ts <port> <connections>`. */
import { connect } from "node:net"
import { nanos } from "../support/Pace.ts"
import * as Frames from "./Frames.ts"
import * as Wire from "./Wire.ts"

/** In one frame. */
export const EVENTS = 100
/** Bytes of a message: 100 events of 120. */
export const MESSAGE = EVENTS * 120

export interface Sunk {
  readonly bytes: number
  readonly seconds: number
  /** Share of one core. */
  readonly cpu: number
}

const sink = (port: number, connections: number): void => {
  let bytes = 0
  let since = nanos()
  let cpu = process.cpuUsage()
  const opening = Buffer.concat([
    Frames.opening("127.0.0.1", "none", Wire.subscribeRequest("bench", "sink", [])),
    Frames.wideOpen(Frames.WINDOW),
    Frames.frame(Frames.SETTINGS, Frames.ACK, 0, Buffer.alloc(0))
  ])
  const room = Buffer.allocUnsafe(262_144)
  for (let n = 0; n < connections; n++) {
    const callback = (read: number) => {
      bytes += read
      return true
    }
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread: { buffer: room, callback } })
    socket.write(opening)
    socket.on("error", () => {})
  }
  process.on("message", () => {
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (nanos() - since) / 1e9
    process.send!({ bytes, seconds, cpu: (user + system) / 1e6 / seconds } satisfies Sunk)
    bytes = 0
    since = nanos()
    cpu = process.cpuUsage()
  })
  process.on("disconnect", () => process.exit())
}

if (import.meta.main) sink(Number(process.argv[2]), Number(process.argv[3]))
