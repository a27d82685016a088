/**
 * Readers on connections of their own. Forked: `FanReaders.ts <protocol> <port> <connections> <plain|filtered> <stalled>`; tells how many events all
 * of them got every few milliseconds, and when asked, what it saw since it was asked before. Those that are stalled come beside the others, and
 * stop reading when all are there.
 */
import { connect, type Socket } from "node:net"
import { nanos } from "../support/Pace.ts"
import { cutter, filterOf, opening, type Protocol } from "./Fan.ts"
import type { Cutter } from "./FanEvent.ts"

export interface FanSeen {
  readonly events: number
  readonly seconds: number
  /** Share of one core. */
  readonly cpu: number
  /** Times that a number did not follow the one before. */
  readonly wrong: number
  /** Times that one was cut off, or told of a gap. */
  readonly told: number
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
/** Bytes of one read: all connections read into the same. */
const READ = 262_144

const [, , protocol, port, connections, kind, stalled] = process.argv
const step = kind === "filtered" ? 2 : 1
let events = 0
let since = nanos()
let cpu = process.cpuUsage()
let before = 0
let timed: Timed | undefined
let spread = new Uint32Array(BUCKETS)

const got = (first: number, next: number): void => {
  events += (next - first) / step
  if (timed === undefined) return
  const now = nanos()
  for (let number = first; number < next; number += step) {
    const late = Math.floor((now - timed.at - (number - timed.first) * timed.every) / 100_000)
    spread[Math.min(BUCKETS - 1, Math.max(0, late))]!++
  }
}

const shared = Buffer.alloc(READ)
const all: Array<Cutter> = []
const slow: Array<() => void> = []
for (let n = 0; n < Number(connections) + Number(stalled); n++) {
  const isSlow = n >= Number(connections)
  const its = cutter(protocol as Protocol, isSlow ? () => {} : got, step, (bytes) => void socket.write(bytes))
  all.push(its)
  const callback = (length: number): boolean => {
    its.read(shared, length)
    return true
  }
  const to = { host: "127.0.0.1", port: Number(port), noDelay: true, onread: { buffer: shared, callback } }
  const socket: Socket = connect(to)
  socket.write(opening(protocol as Protocol, step === 1 ? "" : filterOf(n)))
  socket.on("error", () => its.followed.told++)
  socket.on("close", () => its.followed.told++)
  if (isSlow) slow.push(() => void socket.pause())
}

const at = (share: number): number => {
  const count = spread.reduce((sum, its) => sum + its, 0)
  let sum = 0
  for (let i = 0; i < BUCKETS; i++) {
    sum += spread[i]!
    if (sum >= count * share) return count === 0 ? 0 : i / 10
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
  const wrong = all.reduce((sum, { followed }) => sum + followed.wrong, 0)
  const told = all.reduce((sum, { followed }) => sum + followed.told, 0)
  const seen: FanSeen = {
    ...{ events: events - before, seconds, cpu: (user + system) / 1e6 / seconds, wrong, told },
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
  const ready = isReady || all.every(({ followed }) => followed.ready)
  if (ready && !isReady) for (const stall of slow) stall()
  if ((events === said && ready === isReady) || !process.connected) return
  said = events
  isReady = ready
  process.send!({ events, ready }, () => {}) // nobody may be left to hear it
}, 2)
process.on("disconnect", () => process.exit())
