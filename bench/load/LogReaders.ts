/**
 * Readers of a topic `t` of one partition, each on a bare connection of its own. Forked: `LogReaders.ts <port> <token>`. Told to `follow`, so many read what is new
 * until the end; told to `catchUp`, one reads from the beginning, takes what is compressed as the SDK does, and leaves when it has so many events. Event `n` has
 * the offset n.
 *
 *   BZ1  in FanEvent.ts
 */
import { connect } from "node:net"
import { ReadRequest } from "../../proto/generated/herald/topics/v1/topics.ts"
import { nanos } from "../support/Pace.ts"
import { type Cutter, Followed, type Got } from "./FanEvent.ts"
import { Calls } from "./FanFrames.ts"
import type { Timed } from "./FanReaders.ts"
import * as Frames from "./Frames.ts"

export type LogWish =
  | { readonly follow: number }
  | { readonly catchUp: number }
  /** From now on times count, and none of before. */
  | { readonly timed: Timed }
  | { readonly tell: true }

export interface LogSeen {
  /** Milliseconds, of events to those that follow. */
  readonly p50: number
  readonly p99: number
  /** The least of what those that follow are to get next. */
  readonly next: number
  /** Share of one core since it was asked before. */
  readonly cpu: number
  readonly wrong: number
  readonly told: number
}

export type LogSaid =
  | { readonly ready: true }
  /** Seconds from the connection to the last event. */
  | { readonly caught: number }
  | { readonly seen: LogSeen }

const PATH = "/herald.topics.v1.TopicService/Read"
/** Bytes of one read: all connections read into the same. */
const shared = Buffer.alloc(262_144)
const [, , port, token = ""] = process.argv
const say = (said: LogSaid) => void process.send!(said, () => {}) // nobody may be left to hear it

let [wrong, told, cpu, since] = [0, 0, process.cpuUsage(), nanos()]
/** How many events were so many tenths of a millisecond late. */
let late = new Uint32Array(600_000)
let timed: Timed | undefined
const following: Array<{ next: number }> = []

const open = (from: "latest" | "earliest", got: Got): { readonly followed: Followed; readonly leave: () => void } => {
  const start = { at: { $case: from, value: true as const } }
  const first = ReadRequest.encode(
    ReadRequest.fromPartial({ topic: "t", start, acceptsZstd: from === "earliest" })
  ).finish()
  const followed = new Followed(got)
  const cutter: Cutter = new Calls(
    from === "earliest" ? "packed" : "herald",
    followed,
    (bytes) => void socket.write(bytes)
  )
  const callback = (length: number): boolean => {
    cutter.read(shared, length)
    return true
  }
  const onread = { buffer: shared, callback }
  const socket = connect({ host: "127.0.0.1", port: Number(port), noDelay: true, onread })
  let left = false
  const over = () => {
    if (!left) told++
  }
  socket.on("error", over)
  socket.on("close", over)
  socket.write(Frames.opening("127.0.0.1", token, first, PATH))
  socket.write(Frames.wideOpen(Frames.WINDOW))
  socket.write(Frames.frame(Frames.SETTINGS, Frames.ACK, 0, Buffer.alloc(0)))
  const leave = () => {
    left = true
    wrong += followed.wrong
    told += followed.told
    socket.destroy()
  }
  return { followed, leave }
}

const follow = (count: number): void => {
  const all = Array.from({ length: count }, () => {
    const one = { next: 0 }
    following.push(one)
    return open("latest", (first, next) => {
      one.next = next
      if (timed === undefined) return
      const now = nanos()
      for (let n = Math.max(first, timed.first); n < next; n++) {
        const its = Math.floor((now - timed.at - (n - timed.first) * timed.every) / 1e5)
        late[Math.min(late.length - 1, Math.max(0, its))]!++
      }
    }).followed
  })
  const look = setInterval(() => {
    if (!all.every(({ ready }) => ready)) return
    clearInterval(look)
    say({ ready: true })
  }, 5)
  tellOf.push(() => all)
}

/** What is told of connections that are still open. */
const tellOf: Array<() => ReadonlyArray<Followed>> = []

const catchUp = (count: number): void => {
  const start = nanos()
  let begun = false
  const { leave } = open("earliest", (first, next) => {
    if (!begun && first !== 0) wrong++
    begun = true
    if (next < count) return
    leave()
    say({ caught: (nanos() - start) / 1e9 })
    count = Number.POSITIVE_INFINITY
  })
}

/** Milliseconds. */
const lateAt = (share: number): number => {
  const count = late.reduce((sum, its) => sum + its, 0)
  let sum = 0
  return late.findIndex((its) => (sum += its) >= count * share) / 10
}

const tell = (): void => {
  const { user, system } = process.cpuUsage(cpu)
  const open = tellOf.flatMap((of) => of())
  say({
    seen: {
      ...{ p50: lateAt(0.5), p99: lateAt(0.99), next: Math.min(...following.map(({ next }) => next)) },
      cpu: (user + system) / 1e3 / ((nanos() - since) / 1e6),
      wrong: open.reduce((sum, its) => sum + its.wrong, wrong),
      told: open.reduce((sum, its) => sum + its.told, told)
    }
  })
  cpu = process.cpuUsage()
  since = nanos()
}

process.on("message", (wish: LogWish) => {
  if ("follow" in wish) follow(wish.follow)
  else if ("catchUp" in wish) catchUp(wish.catchUp)
  else if ("timed" in wish) {
    timed = wish.timed
    late = new Uint32Array(late.length)
  } else tell()
})
process.on("disconnect", () => process.exit())
