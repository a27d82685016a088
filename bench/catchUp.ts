/**
 * Catching up while live traffic runs: a reader begins with the first of many events that a topic has stored in PostgreSQL, while others get what is published to
 * it at a fixed rate. A real server; who follows, who catches up and who publishes are a process each. Every number is compared (BZ1, BZ3).
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Topics } from "../src/client/HeraldClient.ts"
import { EVENT, put } from "./load/FanEvent.ts"
import type { LogSaid, LogSeen, LogWish } from "./load/LogReaders.ts"
import { median, short } from "./support/Numbers.ts"
import { nanos } from "./support/Pace.ts"
import { cpuSeconds, familySeconds, until } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const PROGRAM = fileURLToPath(new URL("load/LogReaders.ts", import.meta.url))
/** Readers of what is new, and events a second that each of them gets. */
const FOLLOW = 100
const LIVE = 2_000
/** Events of one call that are stored before. */
const FILLED = 500

/** A process of readers. */
class Readers implements AsyncDisposable {
  readonly #child: ChildProcess
  #heard: (said: LogSaid) => void = () => {}
  #failed: (error: Error) => void = () => {}

  constructor(server: Server) {
    this.#child = fork(PROGRAM, [server.grpc.split(":")[1]!, server.token])
    this.#child.on("message", (said: LogSaid) => this.#heard(said))
    this.#child.once("exit", (code) => this.#failed(new Error(`readers ended with ${code}`)))
  }

  /** What it says next. One at a time. */
  ask(wish: LogWish): Promise<LogSaid> {
    return new Promise((resolve, reject) => {
      this.#heard = resolve
      this.#failed = reject
      this.#child.send(wish)
    })
  }

  tell(wish: LogWish): void {
    this.#child.send(wish)
  }

  async seen(): Promise<LogSeen> {
    const said = await this.ask({ tell: true })
    if (!("seen" in said)) throw new Error(`readers said ${JSON.stringify(said)}`)
    return said.seen
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "exit")
    this.#child.disconnect()
    await ended
  }
}

const eventsOf = (first: number, count: number) => {
  const bytes = Buffer.allocUnsafe(count * EVENT)
  for (let n = 0; n < count; n++) put(bytes, n * EVENT, first + n)
  return Array.from({ length: count }, (_, n) => ({ payload: bytes.subarray(n * EVENT, (n + 1) * EVENT) }))
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const stored = brief ? 100_000 : 1_000_000
  const millis = brief ? 2_000 : 15_000
  const wrong: Array<string> = []
  const profile = process.env["PROFILE"]
  await using server = await new Server().start(
    profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]
  )
  const http = await server.connect()
  const made = await http.request("POST", "/v1/topics", JSON.stringify({ name: "t", partitions: 1 }))
  if (made.status >= 300) throw new Error(made.body)
  await using topics = new Topics({ address: server.grpc, token: server.token })
  const producer = await topics.topic("t").producer({ id: "p" })
  let next = 0
  const send = (count: number): void => {
    const first = next
    next += count
    producer.send(eventsOf(first, count), { partition: 0 }).then(
      ([placed]) => {
        if (placed?.offset !== first) wrong.push(`event ${first} is at ${placed?.offset}`)
      },
      (error: Error) => wrong.push(error.message)
    )
  }
  while (next < stored) {
    await producer.room()
    send(FILLED)
  }
  await producer.flush()

  await using following = new Readers(server)
  await using catching = new Readers(server)
  await following.ask({ follow: FOLLOW })
  /** BZ3: so long at the fixed rate, and what those that follow saw of it. */
  const live = async (lasting: number, beside: (isOver: () => boolean) => Promise<void>) => {
    const every = 1e9 / LIVE
    const timed = { at: nanos() + 5e6, every, first: next }
    following.tell({ timed })
    const end = performance.now() + lasting
    let isOver = false
    const working = beside(() => performance.now() > end).then(() => {
      isOver = true
    })
    while (!isOver || performance.now() < end) {
      const due = Math.floor((nanos() - timed.at) / every) + 1 - (next - timed.first)
      if (due > 0) send(due)
      await sleep(2)
    }
    await working
    await producer.flush()
    return await until("readers to have the newest", async () => {
      const seen = await following.seen()
      return seen.next >= next ? seen : undefined
    })
  }
  const alone = () => live(millis, () => Promise.resolve())

  await live(brief ? 500 : 3_000, () => Promise.resolve())
  const found = await repeat(runs, async () => {
    const before = await alone()
    const rates: Array<number> = []
    const [cpu, database, start] = [cpuSeconds(server.pid), familySeconds(server.databasePid), performance.now()]
    const beside = await live(millis, async (isOver) => {
      do {
        const said = await catching.ask({ catchUp: stored })
        if ("caught" in said) rates.push(stored / said.caught)
      } while (!isOver())
    })
    const seconds = (performance.now() - start) / 1_000
    return {
      ...{ before, beside, rate: median(rates), times: rates.length },
      server: (cpuSeconds(server.pid) - cpu) / seconds,
      database: (familySeconds(server.databasePid) - database) / seconds,
      client: (await catching.seen()).cpu
    }
  })
  for (const [who, readers] of [
    ["those that follow", following],
    ["those that catch up", catching]
  ] as const) {
    const seen = await readers.seen()
    if (seen.wrong > 0) wrong.push(`${who}: ${seen.wrong} numbers did not follow`)
    if (seen.told > 0) wrong.push(`${who}: cut off or told of gaps ${seen.told} times`)
  }
  const of = (value: (one: (typeof found)[number]) => number) => short(median(found.map(value)))
  return {
    rows: [
      {
        what: `events caught up from the first of ${short(stored)} stored, while ${FOLLOW} readers follow ${short(LIVE)} events/s of the same topic`,
        reach: "≥ 300,000",
        unit: "/s",
        values: found.map(({ rate }) => rate)
      },
      {
        what: "… those readers' p99 beside it, of that without",
        reach: "≤ 1.2 ×",
        unit: "×",
        values: found.map(({ beside, before }) => beside.p99 / before.p99)
      }
    ],
    notes: [
      `from when an event should be published until a reader has it: p50 ${of(({ before }) => before.p50)}, p99 ${of(({ before }) => before.p99)} ms; beside it p50 ${of(({ beside }) => beside.p50)}, p99 ${of(({ beside }) => beside.p99)} ms`,
      `caught up ${found.map(({ times }) => times).join(", ")} times, one after the other; share of a core meanwhile: server ${of(({ server }) => server)}, its database ${of(({ database }) => database)}, who catches up ${of(({ client }) => client)}`
    ],
    wrong
  }
}

if (import.meta.main) await main("catchUp", measure)
