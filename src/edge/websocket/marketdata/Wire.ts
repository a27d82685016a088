/**
 * What is said over the WebSocket of market data: `{type, payload, timestamp}` each way, as JSON.
 *
 *   YM1  Prices and sizes are texts, in all of their digits.
 *   YM2  What many are told is made into JSON once; what is one subscription's own stands before it.
 */
import { Schema } from "effect"
import { type Criteria, KINDS, MOST_NAMES, MOST_SYMBOLS } from "../../../marketdata/Criteria.ts"
import { decimalText, priceText } from "../../../marketdata/Decimal.ts"
import type { Data } from "../../../marketdata/Decoding.ts"
import { MOST_TOPICS, type Told, type Wish } from "../../../marketdata/MarketStreams.ts"
import type { Side, Tick } from "../../../marketdata/Tick.ts"
import { TopicName } from "../../http/Wire.ts"
import { beginning, ending } from "../Frame.ts"

/** The subprotocol. */
export const PROTOCOL = "herald.marketdata.v1"
export const PATHS = ["/v1/market-data/stream", "/api/v1/market-data/stream"] as const

const text = Schema.String.check(Schema.isMaxLength(64))
const names = Schema.optionalKey(Schema.Array(text).check(Schema.isMaxLength(MOST_NAMES)))
/** A decimal, as a text or as JSON's number. */
const bound = Schema.optionalKey(Schema.Union([text, Schema.Finite]))
/** Names a subscription of the socket; chosen by the client. */
const Id = Schema.optionalKey(text)
/** Nobody looks at it. */
const timestamp = Schema.optionalKey(Schema.Union([text, Schema.Finite]))

const Subscribe = Schema.Struct({
  type: Schema.Literal("subscribe"),
  payload: Schema.Struct({
    id: Id,
    symbols: Schema.optionalKey(Schema.Array(text).check(Schema.isMaxLength(MOST_SYMBOLS))),
    data_types: Schema.optionalKey(Schema.Array(Schema.Literals(KINDS)).check(Schema.isMaxLength(KINDS.length))),
    exchanges: names,
    currencies: names,
    min_price: bound,
    max_price: bound,
    min_volume: bound,
    topics: Schema.optionalKey(Schema.Array(TopicName).check(Schema.isMaxLength(MOST_TOPICS))),
    from: Schema.optionalKey(Schema.Literals(["latest", "earliest"])),
    overflow: Schema.optionalKey(Schema.Literals(["conflate", "block", "drop-oldest", "disconnect"]))
  }),
  timestamp
})
const Unsubscribe = Schema.Struct({
  type: Schema.Literal("unsubscribe"),
  payload: Schema.optionalKey(Schema.Struct({ id: Id })),
  timestamp
})
export const Said = Schema.Union([Subscribe, Unsubscribe])
/** The subscription that a message names, whatever else it says; "": none. */
export const idIn = (message: unknown): string => {
  const payload =
    typeof message === "object" && message !== null ? (message as { payload?: unknown }).payload : undefined
  const id = typeof payload === "object" && payload !== null ? (payload as { id?: unknown }).id : undefined
  return typeof id === "string" && id.length <= 64 ? id : ""
}
export type Said = typeof Said.Type
export type Subscribe = typeof Subscribe.Type

/** Unless it is said otherwise, who is slow gets the newest of each symbol. */
export const wishOf = ({ payload }: Subscribe): Wish => {
  const {
    symbols = [],
    data_types: kinds = [],
    exchanges = [],
    currencies = [],
    topics = [],
    from = "latest"
  } = payload
  const {
    min_price: minPrice = "",
    max_price: maxPrice = "",
    min_volume: minVolume = "",
    overflow = "conflate"
  } = payload
  const bounds = { minPrice: String(minPrice), maxPrice: String(maxPrice), minVolume: String(minVolume) }
  const criteria: Criteria = { symbols, kinds, exchanges, currencies, ...bounds }
  return { criteria, topics, start: () => ({ from }), overflow: overflow === "drop-oldest" ? "drop oldest" : overflow }
}

const side = (one: Side | undefined) =>
  one === undefined ? null : { price: priceText(one.price), size: decimalText(one.size) }

const restOf = (tick: Tick) => {
  switch (tick.kind) {
    case "trade":
      return { id: tick.id, price: priceText(tick.price), size: decimalText(tick.size), conditions: tick.conditions }
    case "quote":
      return { bid: side(tick.bid), ask: side(tick.ask) }
    case "cancel":
      return { id: tick.id, ts_original: String(tick.tsOriginal) }
    case "correction": {
      const { price, size, conditions } = tick.trade
      const told = { price: priceText(price), size: decimalText(size), conditions }
      return { id: tick.id, ts_original: String(tick.tsOriginal), ...told }
    }
  }
}

const tickOf = ({ tick, offset }: Data["ticks"][number]) => ({
  ...{ type: tick.kind, symbol: tick.symbol, exchange: tick.exchange, currency: tick.currency },
  ...{ ts_event: String(tick.tsEvent), ts_recv: tick.tsRecv === 0n ? null : String(tick.tsRecv) },
  ...{ sequence: String(tick.sequence), offset, ...restOf(tick) }
})

const at = (millis: number): string => new Date(millis).toISOString()

/** Without the brace that it begins with, and without the id. */
const payloadOf = (told: Told): object => {
  switch (told.kind) {
    case "data": {
      const { topic, partition, epoch, next, leftOut, ticks } = told
      return { topic, partition, epoch, next, left_out: leftOut, data: ticks.map(tickOf) }
    }
    case "gap": {
      const { topic, partition, epoch, from, to, why } = told
      return { topic, partition, epoch, gap: { from, to, why } }
    }
    case "started":
      return { topic: told.topic, started: told.places }
    case "live":
      return { live: true }
    case "unheard":
      return { unheard: told.symbols }
  }
}

const made = new WeakMap<Data, Buffer>()

/** YM2 */
export const framesOf = (id: string, told: Told, now: number): ReadonlyArray<Buffer> => {
  const own = beginning(`{"type":"data","payload":{"id":${JSON.stringify(id)},`)
  const known = told.kind === "data" ? made.get(told) : undefined
  if (known !== undefined) return [own, known]
  const when = told.kind === "data" && told.at > 0 ? told.at : now
  const rest = ending(`${JSON.stringify(payloadOf(told)).slice(1)},"timestamp":"${at(when)}"}`)
  if (told.kind === "data") made.set(told, rest)
  return [own, rest]
}
