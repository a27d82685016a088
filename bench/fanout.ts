/**
 * Events of a topic to many readers, each on a connection of its own, and the same through NATS and Redis, in turns in one run: the same program
 * publishes and the same program reads, and only the server between them differs. Events are 120 bytes.
 *
 *   BZ2  In a closed loop nothing is published beyond what readers have by so many events: what is measured is what arrives, without loss.
 *   BZ3  At a fixed rate, time counts from when an event should have been published, whatever kept it from being so.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { batch, type Protocol } from "./load/Fan.ts"
import type { FanSeen, Timed } from "./load/FanReaders.ts"
import { peers, type Sending } from "./support/FanPeers.ts"
import { median, short } from "./support/Numbers.ts"
import { nanos } from "./support/Pace.ts"
import { cpuSeconds, residentBytes } from "./support/Process.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"

/** Events in one batch. */
const BATCH = 100
/** Events that may be under way in a closed loop. BZ2 */
const AHEAD = 4_000

interface Measured extends FanSeen {
  /** Deliveries a second. */
  readonly rate: number
  /** Share of one core. */
  readonly server: number
  readonly memory: number
}

class Fan implements AsyncDisposable {
  readonly #sending: Sending
  readonly #connections: number
  readonly #readers
  readonly #publisher
  #events = 0
  #ready = false
  #seen: ((seen: FanSeen) => void) | undefined
  #next = 0

  constructor(sending: Sending, connections: number) {
    this.#sending = sending
    this.#connections = connections
    const program = fileURLToPath(new URL("load/FanReaders.ts", import.meta.url))
    this.#readers = fork(program, [sending.protocol, String(sending.read), String(connections)])
    this.#readers.on("message", (said: { events?: number; ready?: boolean; seen?: FanSeen }) => {
      this.#events = said.events ?? this.#events
      this.#ready = said.ready ?? this.#ready
      if (said.seen !== undefined) this.#seen?.(said.seen)
    })
    this.#publisher = connect({ host: "127.0.0.1", port: sending.publish, noDelay: true })
    this.#publisher.on("data", () => {})
    if (sending.protocol === "nats") this.#publisher.write('CONNECT {"verbose":false}\r\n')
  }

  async ready(): Promise<void> {
    while (!this.#ready) await sleep(20)
    await sleep(200)
  }

  tell(): Promise<FanSeen> {
    return new Promise((resolve) => {
      this.#seen = resolve
      this.#readers.send("tell")
    })
  }

  #publish(count: number): void {
    this.#publisher.write(batch(this.#sending.protocol, this.#next, count))
    this.#next += count
  }

  /** BZ2 */
  async closed(millis: number): Promise<void> {
    for (const until = performance.now() + millis; performance.now() < until; ) {
      const room = this.#events / this.#connections + AHEAD - this.#next
      if (room >= BATCH) this.#publish(BATCH)
      else await sleep(0)
    }
  }

  /** BZ3. `perSecond`: events. */
  async open(perSecond: number, millis: number): Promise<void> {
    const every = 1e9 / perSecond
    const timed: Timed = { at: nanos() + 5e6, every, first: this.#next }
    this.#readers.send(timed)
    for (const until = performance.now() + millis; performance.now() < until; ) {
      const due = Math.floor((nanos() - timed.at) / every) + 1 - (this.#next - timed.first)
      if (due > 0) this.#publish(due)
      else await sleep(1)
    }
  }

  async measured(run: (millis: number) => Promise<void>, millis: number): Promise<Measured> {
    const { pid } = this.#sending
    await run(millis / 2)
    await this.tell()
    const before = cpuSeconds(pid)
    await run(millis)
    const seen = await this.tell()
    const server = (cpuSeconds(pid) - before) / seen.seconds
    return { ...seen, rate: seen.events / seen.seconds, server, memory: residentBytes(pid) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#readers, "exit")
    this.#readers.disconnect()
    this.#publisher.destroy()
    await ended
  }
}

const measureOn = async (
  protocol: Protocol,
  connections: number,
  millis: number,
  how: (fan: Fan) => (millis: number) => Promise<void>
): Promise<Measured> => {
  await using sending = await peers[protocol]()
  await using fan = new Fan(sending, connections)
  await fan.ready()
  return await fan.measured(how(fan), millis)
}

const PROTOCOLS: ReadonlyArray<Protocol> = ["herald", "nats", "redis"]
type Each = Readonly<Record<Protocol, Measured>>

const inTurns = async (
  runs: number,
  connections: number,
  millis: number,
  how: (fan: Fan) => (millis: number) => Promise<void>
): Promise<ReadonlyArray<Each>> =>
  await repeat(runs, async () => {
    const found: Partial<Record<Protocol, Measured>> = {}
    for (const protocol of PROTOCOLS) found[protocol] = await measureOn(protocol, connections, millis, how)
    return found as Each
  })

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const millis = brief ? 1_500 : 6_000
  const closed = (fan: Fan) => (millis: number) => fan.closed(millis)
  const hundred = await inTurns(runs, 100, millis, closed)
  const thousand = await inTurns(runs, 1_000, millis, closed)
  const fixed = await inTurns(runs, 1_000, millis, (fan) => (millis) => fan.open(2_000, millis))
  const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>): Row => ({
    ...{ what, reach, unit, values }
  })
  const rows = (all: ReadonlyArray<Each>, connections: number, reach: string): ReadonlyArray<Row> => [
    ...PROTOCOLS.map((protocol) =>
      row(
        `${protocol}, ${connections} readers, closed loop`,
        protocol === "herald" ? reach : "",
        "M deliveries/s",
        all.map((each) => each[protocol].rate / 1e6)
      )
    ),
    row(
      `herald ÷ nats, ${connections} readers`,
      "",
      "",
      all.map(({ herald, nats }) => herald.rate / nats.rate)
    ),
    row(
      `herald ÷ redis, ${connections} readers`,
      "",
      "",
      all.map(({ herald, redis }) => herald.rate / redis.rate)
    )
  ]
  const cpu = (all: ReadonlyArray<Each>) =>
    PROTOCOLS.map((protocol) => {
      const of = (value: (measured: Measured) => number) => short(median(all.map((each) => value(each[protocol]))))
      return `${protocol} ${of(({ server }) => server)} (readers ${of(({ cpu }) => cpu)})`
    }).join(", ")
  return {
    rows: [
      ...rows(hundred, 100, "≥ 10M/s"),
      ...rows(thousand, 1_000, "≥ 5M/s"),
      ...PROTOCOLS.flatMap((protocol) => [
        row(
          `${protocol}, 1,000 readers at 2M deliveries/s, p50`,
          "",
          "ms",
          fixed.map((each) => each[protocol].p50)
        ),
        row(
          "… p99",
          protocol === "herald" ? "< 25 ms" : "",
          "ms",
          fixed.map((each) => each[protocol].p99)
        )
      ]),
      row(
        "herald, resident memory at 1,000 readers",
        "",
        "MB",
        thousand.map(({ herald }) => herald.memory / 1e6)
      )
    ],
    notes: [
      `share of a core that each server had, and the program that reads: 100 readers ${cpu(hundred)}; 1,000 ${cpu(thousand)}; at 2M/s ${cpu(fixed)}`,
      "herald is the door, the fan-out and the log of ephemeral topics in one process, and takes batches of 100 on a bare socket; NATS core and Redis pub/sub keep nothing"
    ],
    wrong: [...hundred, ...thousand, ...fixed].flatMap((each) =>
      PROTOCOLS.flatMap((protocol) =>
        each[protocol].wrong > 0 ? [`${protocol}: ${each[protocol].wrong} numbers did not follow`] : []
      )
    )
  }
}

if (import.meta.main) await main("fanout", measure)
