/**
 * Readers on connections of their own. Forked: `FanReaders.ts <protocol> <port> <connections>`; tells how many events all of them got every few
 * milliseconds, and when asked, what it saw since it was asked before.
 */
import { connect } from "node:net"
import { nanos } from "../support/Pace.ts"
import { Cutter, opening, type Protocol } from "./Fan.ts"

export interface FanSeen {
  readonly events: number
  readonly seconds: number
  /** Share of one core. */
  readonly cpu: number
  /** Times that a number did not follow the one before. */
  readonly wrong: number
  /** Milliseconds, over all events: none without a time. */
  readonly p50: number
  readonly p99: number
}

/** When event 0 is to be published, in nanoseconds, and how many of them after each other. */
export interface Timed {
  readonly at: number
  readonly every: number
  readonly first: number
}

/** Tenths of a millisecond. */
const BUCKETS = 100_000

const [, , protocol, port, connections] = process.argv
let events = 0
let since = nanos()
let cpu = process.cpuUsage()
let before = 0
let timed: Timed | undefined
let spread = new Uint32Array(BUCKETS)

const got = (first: number, next: number): void => {
  events += next - first
  if (timed === undefined) return
  const now = nanos()
  for (let number = first; number < next; number++) {
    const late = Math.floor((now - timed.at - (number - timed.first) * timed.every) / 100_000)
    spread[Math.min(BUCKETS - 1, Math.max(0, late))]!++
  }
}

const cutters: Array<Cutter> = []
for (let n = 0; n < Number(connections); n++) {
  const cutter = new Cutter(protocol as Protocol, got)
  cutters.push(cutter)
  const socket = connect({ host: "127.0.0.1", port: Number(port), noDelay: true })
  socket.write(opening(protocol as Protocol))
  socket.on("data", (chunk: Buffer) => cutter.read(chunk))
  socket.on("error", () => cutter.wrong++)
  socket.on("close", () => cutter.wrong++)
}

const at = (share: number): number => {
  const all = spread.reduce((sum, count) => sum + count, 0)
  let sum = 0
  for (let i = 0; i < BUCKETS; i++) {
    sum += spread[i]!
    if (sum >= all * share) return all === 0 ? 0 : i / 10
  }
  return 0
}

process.on("message", (message: "tell" | Timed) => {
  if (message !== "tell") {
    timed = message
    return
  }
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (nanos() - since) / 1e9
  const wrong = cutters.reduce((sum, cutter) => sum + cutter.wrong, 0)
  const seen: FanSeen = {
    ...{ events: events - before, seconds, cpu: (user + system) / 1e6 / seconds, wrong },
    ...{ p50: at(0.5), p99: at(0.99) }
  }
  process.send!({ seen })
  before = events
  since = nanos()
  cpu = process.cpuUsage()
  spread = new Uint32Array(BUCKETS)
})
let said = -1
let isReady = false
setInterval(() => {
  const ready = isReady || cutters.every((cutter) => cutter.ready)
  if (events === said && ready === isReady) return
  said = events
  isReady = ready
  process.send!({ events, ready })
}, 2)
process.on("disconnect", () => process.exit())
