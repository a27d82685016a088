/**
 * The durable log of topics in PostgreSQL, without a wire: batches of producers, single events, one partition alone, and catching up. Each run is checked:
 * what was placed is read back, in order and once.
 */
import { Effect, ManagedRuntime } from "effect"
import * as Layer from "effect/Layer"
import * as Postgres from "../layers/Postgres/Postgres.ts"
import { messagesOf, walk } from "../src/topics/Frames.ts"
import { type Frame, frameOf } from "../src/topics/Message.ts"
import { TopicLog } from "../src/topics/TopicLog.ts"
import { TopicStore } from "../src/topics/TopicStore.ts"
import { clientOptions, startDatabase } from "../test/support/Database.ts"
import { kinds } from "../test/support/Twins.ts"
import { short, spreadOf } from "./support/Numbers.ts"
import { closedLoop } from "./support/Pace.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"
import { tick } from "./support/Ticks.ts"

const PRODUCERS = 8
const IN_FLIGHT = 4
const BATCH = 100
/** Bytes that one read asks for. */
const BITE = 1_048_576

/** Made before it is measured: whoever publishes encodes. */
const framesOf = (count: number, size: number): ReadonlyArray<Frame> =>
  Array.from({ length: count }, (_, at) =>
    frameOf(
      Array.from({ length: size }, (_, n) => ({
        key: `S${(at * size + n) % 500}`,
        payload: new TextEncoder().encode(tick(at * size + n)),
        eventTime: null,
        headers: new Map()
      }))
    )
  )

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const seconds = brief ? 2 : 10
  const wrong: Array<string> = []
  const database = await startDatabase()
  const runtime = ManagedRuntime.make(Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds)))
  const log = await runtime.runPromise(TopicLog)
  const store = await runtime.runPromise(TopicStore)
  let topics = 0
  const topic = (partitions: number) =>
    runtime.runPromise(
      store.create(
        {
          name: `bench-${++topics}`,
          partitions,
          retention: { millis: 86_400_000, bytes: null },
          log: "postgres",
          compression: "zstd",
          schema: null,
          enabled: true,
          description: ""
        },
        "bench"
      )
    )
  const [batches, singles] = [framesOf(64, BATCH), framesOf(512, 1)]
  const context = await runtime.context()
  const run = Effect.runPromiseWith(context)

  /** `workers` publish, each with a producer of its own where `dedupe`. */
  const load = async (
    partitions: number,
    workers: number,
    inFlight: number,
    frames: ReadonlyArray<Frame>,
    lasting: number
  ) => {
    const { id } = await topic(partitions)
    const producers = await Promise.all(Array.from({ length: workers }, (_, n) => run(store.open(id, `p${n}`))))
    const next = new Array<number>(workers).fill(1)
    const newest = new Array<number>(workers).fill(-1)
    let placed = 0
    const own = process.cpuUsage()
    const { took, seconds } = await closedLoop(workers * inFlight, lasting, async (slot, n) => {
      const worker = slot % workers
      const events = frames[(slot * 7 + n) % frames.length]!
      const sequence = next[worker]!
      next[worker] = sequence + events.count
      const outcome = await run(
        log.append({
          topic: id,
          partition: worker % partitions,
          events,
          compression: "zstd",
          producing: { producer: `p${worker}`, epoch: producers[worker]!.epoch, sequence }
        })
      )
      if (outcome.is !== "placed" || outcome.placed.some(({ duplicate }) => duplicate))
        wrong.push(`a batch was ${JSON.stringify(outcome)}`)
      else {
        placed += events.count
        newest[worker] = Math.max(newest[worker]!, outcome.placed.at(-1)!.offset!)
      }
    })
    const { user, system } = process.cpuUsage(own)
    const ends = await run(log.bounds([id]))
    const stored = ends.reduce((sum, { next }) => sum + next, 0)
    if (stored !== placed) wrong.push(`${placed} events were placed, and the log has ${stored}`)
    return { ...spreadOf(took), rate: placed / seconds, client: (user + system) / placed, id }
  }

  const fill = async (events: number) => {
    const { id } = await topic(1)
    const five = framesOf(40, 500)
    for (let n = 0; n < events / 500; n += 20)
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          run(
            log.append({
              topic: id,
              partition: 0,
              events: five[(n + at) % five.length]!,
              compression: "zstd",
              producing: undefined
            })
          )
        )
      )
    return id
  }

  const catchUp = async (id: number, events: number, packed: boolean) => {
    const [bounds] = await run(log.bounds([id]))
    let place = { epoch: bounds!.epoch, offset: 0 }
    let [seen, bytes] = [0, 0]
    const own = process.cpuUsage()
    const start = performance.now()
    for (;;) {
      const found = await run(log.read({ topic: id, partition: 0 }, place, { maxBytes: BITE, packed }))
      if (found!.pieces.length === 0) break
      for (const piece of found!.pieces) {
        if (piece.is === "gap") wrong.push(`a gap: ${JSON.stringify(piece)}`)
        else {
          seen += packed ? piece.count : walk(piece.bytes, (_, from, to) => void (bytes += to - from))
        }
      }
      place = { epoch: found!.epoch, offset: found!.next }
    }
    const took = (performance.now() - start) / 1_000
    const { user, system } = process.cpuUsage(own)
    if (seen !== events) wrong.push(`${seen} of ${events} events were read`)
    return { rate: seen / took, client: (user + system) / seen }
  }

  const rows: Array<Row> = []
  const notes: Array<string> = []
  try {
    await load(8, PRODUCERS, IN_FLIGHT, batches, brief ? 1 : 3)
    for (const [what, partitions, workers, inFlight, frames, reach, slowest] of [
      [
        `8 producers, batches of 100, ${IN_FLIGHT} in flight, 8 partitions`,
        8,
        PRODUCERS,
        IN_FLIGHT,
        batches,
        "≥ 100,000",
        "< 60 ms"
      ],
      [`the same, one partition`, 1, PRODUCERS, IN_FLIGHT, batches, "", ""],
      ["8 producers, batches of 100, one in flight", 8, PRODUCERS, 1, batches, "", ""],
      ["single events, 64 in flight", 8, 64, 1, singles, "≥ 5,000", ""]
    ] as const) {
      const found = await repeat(runs, () => load(partitions, workers, inFlight, frames, seconds))
      rows.push({ what: `events stored, ${what}`, reach, unit: "/s", values: found.map(({ rate }) => rate) })
      rows.push({ what: `… p99`, reach: slowest, unit: "ms", values: found.map(({ p99 }) => p99) })
      notes.push(
        `${what}: p50 ${found.map(({ p50 }) => short(p50)).join(", ")} ms; µs of this process an event ${found.map(({ client }) => short(client)).join(", ")}`
      )
    }
    const events = brief ? 100_000 : 1_000_000
    const id = await fill(events)
    for (const [what, packed, reach] of [
      ["each event walked", false, "≥ 300,000"],
      ["forwarded as it is stored", true, ""]
    ] as const) {
      const found = await repeat(runs, () => catchUp(id, events, packed))
      rows.push({
        what: `events read from the beginning of ${events}, ${what}`,
        reach,
        unit: "/s",
        values: found.map(({ rate }) => rate)
      })
      notes.push(`${what}: µs of this process an event ${found.map(({ client }) => short(client)).join(", ")}`)
    }
    const [first] = (await run(
      log.read({ topic: id, partition: 0 }, { epoch: 1, offset: 0 }, { maxBytes: 1, packed: false })
    ))!.pieces.slice(-1)
    if (first?.is !== "segment" || messagesOf(first.bytes).length !== first.count)
      wrong.push("a segment has other events than it says")
  } finally {
    await runtime.dispose()
    await database[Symbol.asyncDispose]()
  }
  return { rows, notes, wrong }
}

if (import.meta.main) await main("topicLog", measure)
