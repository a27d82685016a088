/** Does what a programme of market data says, and compares what was written with what one computes by hand. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import { AllAmendments } from "../../src/marketdata/Amendments.ts"
import { INTERVALS, SESSIONS } from "../../src/marketdata/Calendar.ts"
import { decimalText, priceText } from "../../src/marketdata/Decimal.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { makeProjecting } from "../../src/marketdata/Projecting.ts"
import { endOf, type Segment } from "../../src/topics/Piece.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { type Action, programOf } from "./MarketPrograms.ts"
import { shrunk } from "./Shrinking.ts"
import { type Came, straightMarket } from "./StraightMarket.ts"
import { events } from "./Topics.ts"

const EPOCH = 3
/** Events in which one that came before is found: as few as a programme has. */
const REMEMBERED = 12
/** Of each node: one writes all of a read at once, the other one in many parts. */
const AT_ONCE = [1_024, 4] as const
const LONG = 100 * 366 * 86_400_000

type Node = ReturnType<typeof makeProjecting>

/** The log of one partition: what came at once is a segment. */
class OneLog {
  readonly came: Array<Came> = []
  readonly #segments: Array<Segment> = []
  #next = 0
  /** Segments of a read. */
  bite = 100

  push(came: Came): void {
    const { bytes } = events(...came.events.map((one) => (typeof one === "string" ? one : JSON.stringify(one))))
    const count = came.events.length
    this.came.push(came)
    this.#segments.push({
      ...{ is: "segment", base: this.#next, count, at: came.at, codec: "none", bytes, hashes: undefined }
    })
    this.#next += count
  }

  log(topic: number): Pick<Log, "read" | "find" | "bounds"> {
    const partition = { topic, partition: 0, epoch: EPOCH, first: 0, bytes: 0 }
    return {
      bounds: () => Effect.sync(() => [{ ...partition, next: this.#next }]),
      find: (_, time) =>
        Effect.sync(() => ({
          epoch: EPOCH,
          offset: this.#segments.find(({ at }) => at >= time)?.base ?? this.#next
        })),
      read: (_, { offset }) =>
        Effect.sync(() => {
          const first = this.#segments.findIndex((one) => endOf(one) > offset)
          const pieces = first < 0 ? [] : this.#segments.slice(first, first + this.bite)
          const last = pieces.at(-1)
          return { epoch: EPOCH, pieces, next: last === undefined ? offset : endOf(last) }
        })
    }
  }
}

/** What was written, as `straightMarket` says it. */
const written = Effect.fnUntraced(function* (topic: number, name: string) {
  const store = yield* MarketStore
  const lines: Array<string> = []
  for (const symbol of ["A", "B/C"]) {
    const of = { symbol, topics: [name] }
    const exchanges = ["KRAKEN", "NASDAQ"]
    for (const interval of INTERVALS)
      for (const { exchange, session, start, bar } of yield* store.bars(
        { ...of, exchanges, interval, sessions: SESSIONS },
        { from: 0, until: 4_000_000_000_000, limit: 10_000 }
      )) {
        const prices = [bar.open?.price, bar.high, bar.low, bar.close?.price]
        const shown = prices.map((price) => (price === undefined ? "-" : priceText(price)))
        const key = [interval, new Date(start).toISOString(), exchange, symbol, session]
        if (bar.trades > 0 || prices.some((price) => price !== undefined))
          lines.push([...key, ...shown, decimalText(bar.volume), bar.trades].join(" "))
      }
    const { trades, quotes } = yield* store.latest(of, exchanges)
    for (const { exchange, session, id, price, size, offset } of trades)
      lines.push(`latest ${exchange} ${symbol} ${session} ${id} ${priceText(price)} ${decimalText(size)} at ${offset}`)
    for (const { exchange, bid, offset } of quotes)
      lines.push(`quote ${exchange} ${symbol} ${priceText(bid!.price)} at ${offset}`)
  }
  const cursor = yield* store.cursor({ topic, partition: 0 })
  return [...lines, `until ${cursor?.watermark}`].sort()
})

let topics = 5_000_000

/** What differs, after it or wherever everything was written in between; none: nothing. */
export const differing = Effect.fnUntraced(function* (program: ReadonlyArray<Action>) {
  const store = yield* MarketStore
  const topic = ++topics
  const name = `ticks-${process.pid}-${topic}`
  const one = new OneLog()
  const amendments = new AllAmendments().of({ name, createdBy: "ann" })
  const failing: [boolean[], boolean[]] = [[], []]
  const overtaken = [false, false]
  const make = (node: 0 | 1): Node =>
    makeProjecting(
      one.log(topic),
      {
        ...store,
        write: (projection) =>
          Effect.gen(function* () {
            if (overtaken[node]) {
              overtaken[node] = false
              yield* Effect.repeat(nodes[node === 0 ? 1 : 0].step(), { while: (more) => more === true }).pipe(
                Effect.ignore
              )
            }
            const done = failing[node].shift()
            if (done === undefined) return yield* store.write(projection)
            if (done) yield* store.write(projection)
            return yield* failure("DatabaseUnavailable", "away")
          })
      },
      {
        ...{ partition: { topic, partition: 0 }, name, keepMillis: LONG, amendments, remembered: REMEMBERED },
        atOnce: AT_ONCE[node]
      }
    )
  const nodes: [Node, Node] = [make(0), make(1)]
  const compared = Effect.map(written(topic, name), (told) => {
    const right = straightMarket(one.came, REMEMBERED)
    return [
      ...told.filter((line) => !right.includes(line)).map((line) => `wrong: ${line}`),
      ...right.filter((line) => !told.includes(line)).map((line) => `right: ${line}`)
    ]
  })
  const all = Effect.repeat(nodes[0].step(), { while: (more) => more === true })
  yield* all
  for (const action of program) {
    if (action.does === "say") one.push(action.came)
    else if (action.does === "restart") nodes[action.node] = make(action.node)
    else if (action.does === "fail") failing[action.node].push(action.done)
    else if (action.does === "overtake") overtaken[action.node] = true
    else {
      one.bite = action.bite
      let more: boolean | undefined = true
      for (let n = 0; more === true && (action.steps === 0 || n < action.steps); n++)
        more = yield* Effect.orElseSucceed(nodes[action.node].step(), () => undefined)
      if (more !== false) continue
      const found = yield* compared
      if (found.length > 0) return found
    }
  }
  failing[0].length = 0
  overtaken[0] = false
  yield* Effect.repeat(
    Effect.suspend(() => nodes[0].step()),
    { while: (more) => more === true }
  )
  return yield* compared
})

const apart = (program: ReadonlyArray<Action>): ReadonlyArray<Action> =>
  program.flatMap(
    (action): ReadonlyArray<Action> =>
      action.does === "say"
        ? action.came.events.map((event) => ({ does: "say" as const, came: { at: action.came.at, events: [event] } }))
        : [action]
  )

/** Fails with the shortest programme that is found, where a seed's goes wrong. */
export const holds = Effect.fnUntraced(function* (seed: number) {
  const program = programOf(seed)
  if ((yield* differing(program)).length === 0) return
  const fails = (one: ReadonlyArray<Action>) => Effect.map(differing(one), (found) => found.length > 0)
  const single = apart(program)
  const least = yield* shrunk((yield* fails(single)) ? single : program, fails)
  const found = yield* differing(least)
  assert.fail(`seed ${seed}:\n${least.map((one) => JSON.stringify(one)).join("\n")}\n${found.join("\n")}`)
})
