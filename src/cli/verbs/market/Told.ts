/** What is told of market data. Prices and sizes are shown digit by digit, as the server says them. Pure. */
import type {
  MarketData,
  Position,
  Side as WireSide
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import type { History, Latest } from "../../../edge/http/marketdata/Wire.ts"
import { decimalText, priceText, ZERO } from "../../../marketdata/Decimal.ts"
import { printable } from "../../../text/Printable.ts"
import type { Paint } from "../../Paint.ts"
import { facts, table, time } from "../../Table.ts"

/** "3 s", "5 min": how old something is. */
const spanText = (millis: number): string => {
  const seconds = Math.round(millis / 1_000)
  if (seconds < 1) return `${millis} ms`
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

type Sided = { readonly price: string; readonly size: string } | null
const sideText = (side: Sided): string => (side === null ? "nobody" : `${side.price} × ${side.size}`)

export const latestOf = (found: Latest, paint: Paint): string =>
  [
    `${paint.bold(printable(found.symbol))} on ${printable(found.exchange)}`,
    facts(
      [
        ["price", `${found.price}${found.currency === "" ? "" : ` ${found.currency}`}`],
        ["size", found.size],
        ["traded", `${found.timestamp}, ${spanText(found.age_ms)} ago${found.stale ? ", which is stale" : ""}`],
        ["session", `${found.session}; its venue now: ${found.market}`],
        ["conditions", found.conditions.join(", ")],
        ["trade", found.id],
        ["bid", found.quote === null ? "" : sideText(found.quote.bid)],
        ["ask", found.quote === null ? "" : sideText(found.quote.ask)],
        ["quoted", found.quote === null ? "" : found.quote.timestamp]
      ],
      paint
    )
  ].join("\n")

type Bar = History["data"][number]

const stateOf = ({ filled, final, revision }: Bar): string =>
  filled ? "no trades" : `${final ? "final" : "open"}${revision > 1 ? `, revision ${revision}` : ""}`

export const barsOf = (bars: ReadonlyArray<Bar>, paint: Paint, room: number): string =>
  table(
    bars,
    [
      { title: "FROM", value: (row) => time(row.start_time), timed: true },
      { title: "OPEN", value: (row) => row.open ?? "-", right: true },
      { title: "HIGH", value: (row) => row.high ?? "-", right: true },
      { title: "LOW", value: (row) => row.low ?? "-", right: true },
      { title: "CLOSE", value: (row) => row.close ?? "-", right: true },
      { title: "VOLUME", value: (row) => row.volume, right: true },
      { title: "VWAP", value: (row) => row.vwap ?? "-", right: true },
      { title: "TRADES", value: (row) => String(row.trades), right: true },
      { title: "STATE", value: stateOf, text: 10, paint: (row) => (row.final ? undefined : paint.yellow) }
    ],
    paint,
    room
  )

/** A tick as it is shown, as the WebSocket says it, with where it is. */
export interface Came {
  readonly [name: string]: unknown
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  readonly type: string
  readonly symbol: string
  readonly exchange: string
  readonly timestamp: string
}

const KINDS = ["", "trade", "quote", "cancel", "correction"] as const

const wireSide = (side: WireSide | undefined): Sided =>
  side === undefined ? null : { price: priceText(side.priceNanos), size: decimalText(side.size ?? ZERO) }

const restOf = (kind: (typeof KINDS)[number], tick: MarketData) => {
  const { id, conditions, tsOriginalNs } = tick
  const traded = () => ({ price: priceText(tick.priceNanos), size: decimalText(tick.size ?? ZERO), conditions })
  switch (kind) {
    case "quote":
      return { bid: wireSide(tick.bid), ask: wireSide(tick.ask) }
    case "cancel":
      return { id, ts_original: String(tsOriginalNs) }
    case "correction":
      return { id, ts_original: String(tsOriginalNs), ...traded() }
    default:
      return { id, ...traded() }
  }
}

export const cameOf = ({ topic, partition, epoch }: Omit<Position, "offset">, tick: MarketData): Came => {
  const type = KINDS[tick.type as number] ?? ""
  return {
    ...{ topic, partition, epoch, offset: Number(tick.offset), type },
    ...{ symbol: tick.symbol, exchange: tick.exchange, currency: tick.currency },
    timestamp: new Date(Number(tick.tsEventNs / 1_000_000n)).toISOString(),
    ...{ ts_event: String(tick.tsEventNs), ts_recv: tick.tsRecvNs === 0n ? null : String(tick.tsRecvNs) },
    ...{ sequence: String(tick.sequence), ...restOf(type, tick) }
  }
}

/** A tick on a line of its own. */
export const lineOf = (came: Came, paint: Paint): string => {
  const { type, symbol, exchange, timestamp, bid, ask, price, size, id } = came
  const what =
    type === "quote"
      ? `${sideText(bid as Sided)} | ${sideText(ask as Sided)}`
      : type === "cancel"
        ? `trade ${String(id)} is taken back`
        : `${String(price)} × ${String(size)}${type === "correction" ? `, which trade ${String(id)} was` : ""}`
  return [
    paint.dim(timestamp),
    paint.bold(printable(symbol.padEnd(8))),
    printable(exchange.padEnd(8)),
    (type === "trade" ? paint.green : paint.yellow)(type.padEnd(10)),
    printable(what)
  ].join("  ")
}
