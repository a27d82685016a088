/** A hostile client of the lane on a real socket, a neighbour who behaves, and what the server spent on both. */
import { connect as dial, type Socket } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert } from "@effect/vitest"
import { Effect, Fiber, Logger } from "effect"
import { Libraries } from "../../../../../layers/Grpc/Libraries.ts"
import {
  Flag,
  FrameReader,
  frame,
  headersFrame,
  PREFACE,
  pingFrame,
  settingsFrame,
  Type
} from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock, type Header } from "../../../../../layers/Grpc/lane/Hpack.ts"
import type { LaneOptions } from "../../../../../layers/Grpc/lane/LaneServer.ts"
import { makeRefusals, type Refuse } from "../../../../../src/access/Refusals.ts"
import type { Handler } from "../../../../../src/edge/grpc/ServerCall.ts"
import { counted } from "../../../../support/Stranger.ts"
import { turn, until } from "../../../../support/turn.ts"
import { POST } from "../Peer.ts"
import { type Any, closing, definition, handlers, open } from "../Serving.ts"

export interface Attack {
  /** After the preface and SETTINGS. */
  readonly before?: ReadonlyArray<Buffer>
  /** Sent `times` times, or until the connection is over; `n` counts from 0. */
  readonly unit: (n: number) => Buffer
  readonly times: number
  /** The GOAWAY that ends it, or "stays". */
  readonly ends: number | "stays"
  /** What is counted of it, and once or more. */
  readonly reason?: string
  /** Microseconds of CPU that each unit may take at most: several times of what it does. */
  readonly micros?: number
  /** Bytes that may be held for it. */
  readonly holds?: number
  /** False: it reads nothing. */
  readonly reads?: boolean
  readonly settings?: ReadonlyArray<readonly [number, number]>
  /** It never acknowledges the server's SETTINGS. */
  readonly unacknowledged?: boolean
  readonly options?: LaneOptions
  /** Beside those of Serving.ts, by path. */
  readonly handlers?: Readonly<Record<string, Handler>>
  /** Looks at it while it is still connected. */
  readonly afterwards?: (attacked: Attacked) => Promise<void> | void
}

export interface Attacked {
  readonly socket: Socket
  readonly count: (type: number) => number
  /** Codes of RST_STREAM, and how often each came. */
  readonly resets: ReadonlyMap<number, number>
  readonly held: () => number
  /** The server's end. */
  readonly end: () => Socket
  readonly calls: { readonly open: number; readonly over: number }
  readonly settle: () => Promise<void>
}

/** Microseconds: what a run may take before its first unit, and a call of the neighbour. */
const BASE = 400_000
const CALL = 20_000
const HOLDS = 12 * 2 ** 20
const BATCH = 65_536

export const request = (id: number, end = false, headers: ReadonlyArray<Header> = POST): Buffer =>
  headersFrame(id, encodeBlock(headers), end)
export const to = (path: string): ReadonlyArray<Header> =>
  POST.map(([name, value]) => [name, name === ":path" ? path : value])
export const talk = (id: number): Buffer => request(id, false, to("/a.B/Talk"))
/** A call whose handler takes nothing and never answers. */
export const hold = (id: number): Buffer => request(id, false, to("/a.B/Sum"))
export const data = (id: number, payload: Uint8Array | string, flags = 0): Buffer =>
  frame(Type.DATA, flags, id, typeof payload === "string" ? Buffer.from(payload) : payload)
/** DATA with so many bytes of content and of padding. */
export const padded = (id: number, content: number, padding: number): Buffer =>
  frame(Type.DATA, Flag.PADDED, id, Buffer.concat([Buffer.from([padding]), Buffer.alloc(content + padding)]))

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
export const memory = (): number => {
  collect()
  collect() // what the first let go of
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
const RSS = 256 * 2 ** 20

/** A door's refusals, with every line that they say. */
const refusals = async (): Promise<{ readonly refuse: Refuse; readonly lines: ReadonlyArray<string> }> => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    const [, fields] = message as [string, { readonly reason: string }]
    lines.push(fields.reason)
  })
  let refuse: Refuse | undefined
  const fiber = Effect.runFork(
    Effect.gen(function* () {
      refuse = yield* makeRefusals("grpc")
      return yield* Effect.never
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  )
  closing.push(() => void Effect.runFork(Fiber.interrupt(fiber)))
  await until(() => refuse !== undefined)
  return { refuse: refuse!, lines }
}

/** Calls of Sum that are open, and those that are over. */
const holding = () => {
  const calls = { open: 0, over: 0 }
  const sum = (call: Any) => {
    calls.open++
    call.on("error", () => {})
    call.on("cancelled", () => {
      calls.open--
      calls.over++
    })
  }
  return { calls, given: { ...handlers, sum } }
}

/** What a server of the lane makes of an attack; asserts what has to be so of every one. */
export const suffer = async (attack: Attack): Promise<Attacked> => {
  const begun = performance.now()
  const { refuse, lines } = await refusals()
  const defects: Array<unknown> = []
  const { calls: held, given } = holding()
  const libraries = new Libraries()
  libraries.addService(definition, given)
  const { port, say, heard } = await open({
    ...{ refuse, defect: (error: unknown) => void defects.push(error) },
    handlers: new Map([...libraries.handlers, ...Object.entries(attack.handlers ?? {})]),
    ...attack.options
  })
  const moved = attack.reason === undefined ? undefined : counted("grpc", attack.reason)
  const neighbour = async () => assert.isNull((await say("hello")).error)
  await neighbour()
  const { rss } = process.memoryUsage()
  const before = memory()

  const socket = dial(port, "127.0.0.1")
  closing.push(() => socket.destroy())
  socket.on("error", () => {})
  const counts = new Map<number, number>()
  const resets = new Map<number, number>()
  let [goaway, closed] = [-1, false]
  const reader = new FrameReader((type, flags, _, bytes, start) => {
    const key = type === Type.PING && (flags & Flag.ACK) !== 0 ? -type : type
    counts.set(key, (counts.get(key) ?? 0) + 1)
    if (type === Type.GOAWAY) goaway = bytes.readUInt32BE(start + 4)
    if (type === Type.RST_STREAM) {
      const code = bytes.readUInt32BE(start)
      resets.set(code, (resets.get(code) ?? 0) + 1)
    }
  })
  socket.on("close", () => {
    closed = true
  })
  if (attack.reads !== false) socket.on("data", (chunk: Buffer) => reader.push(chunk))
  await new Promise((resolve) => socket.once("connect", resolve))

  const isOver = () => closed || goaway >= 0
  const spent = process.threadCpuUsage()
  let calls = 0
  /** Waits until the server has taken all that was written. */
  const settle = async () => {
    await until(() => isOver() || (heard(socket.localPort!)?.bytesRead ?? 0) >= socket.bytesWritten)
    for (let n = 0; n < 3; n++) await turn()
  }
  const write = async (bytes: Buffer) => {
    if (isOver()) return
    if (!socket.write(bytes)) await until(() => isOver() || !socket.writableNeedDrain)
  }
  await write(
    Buffer.concat([
      ...[PREFACE, settingsFrame(attack.settings ?? [])],
      ...(attack.unacknowledged === true ? [] : [frame(Type.SETTINGS, Flag.ACK, 0, 0)])
    ])
  )
  for (const bytes of attack.before ?? []) {
    await write(bytes)
    await settle()
  }
  let batch: Array<Buffer> = []
  let bytes = 0
  let sent = 0
  for (; sent < attack.times && !isOver(); sent++) {
    const unit = attack.unit(sent)
    batch.push(unit)
    bytes += unit.length
    if (bytes < BATCH && sent + 1 < attack.times) continue
    await write(Buffer.concat(batch))
    batch = []
    bytes = 0
    if (calls < 20) {
      calls++
      await neighbour()
    }
  }
  if (attack.reads !== false && attack.ends === "stays") {
    const answers = counts.get(-Type.PING) ?? 0
    await write(pingFrame(Buffer.alloc(8), false))
    await until(() => isOver() || (counts.get(-Type.PING) ?? 0) > answers)
  }
  await settle()
  await neighbour()
  const { user, system } = process.threadCpuUsage(spent)
  const attacked: Attacked = {
    socket,
    count: (type) => counts.get(type) ?? 0,
    resets,
    held: () => memory() - before,
    end: () => heard(socket.localPort!)!,
    calls: held,
    settle
  }
  if (attack.ends === "stays") assert.deepStrictEqual([goaway, closed], [-1, false])
  else if (attack.reads !== false) {
    for (let n = 0; n < 1_000 && !isOver(); n++) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.strictEqual(goaway, attack.ends)
  }
  assert.isAtMost(attacked.held(), attack.holds ?? HOLDS)
  assert.isAtMost(process.memoryUsage().rss - rss, RSS)
  assert.isAtMost(user + system, BASE + (calls + 1) * CALL + sent * (attack.micros ?? 50))
  await attack.afterwards?.(attacked)
  assert.deepStrictEqual(defects, [])
  if (moved !== undefined) {
    assert.isAtLeast(await moved(), 1)
    const most = 1 + Math.ceil((performance.now() - begun) / 1_000)
    assert.isAtMost(lines.filter((reason) => reason === attack.reason).length, most) // RF1
  }
  await neighbour()
  return attacked
}
