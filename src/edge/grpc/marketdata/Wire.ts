/**
 * Translates between herald.marketdata.v1 and the model.
 *
 *   MG1  Every field is checked against its limit before anything else sees it.
 *   MG2  What many listeners are told is encoded once.
 */
import {
  type Bar,
  DataType,
  type FilterCriteria,
  ManageSubscriptionRequest,
  type MarketData,
  Overflow as OnWire,
  type Side as SideOnWire,
  StreamHistoricalDataRequest,
  StreamMarketDataRequest,
  StreamMarketDataResponse
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import type { Overflow } from "../../../fanout/Reader.ts"
import type { Start } from "../../../fanout/Start.ts"
import { wrongTopicName } from "../../../keys/TopicName.ts"
import { averageOf } from "../../../marketdata/Bar.ts"
import { type Criteria, type Kind, MOST_NAMES, MOST_SYMBOLS } from "../../../marketdata/Criteria.ts"
import { type Decimal, decimalText, priceText } from "../../../marketdata/Decimal.ts"
import type { Data } from "../../../marketdata/Decoding.ts"
import type { Bars } from "../../../marketdata/MarketData.ts"
import { MOST_TOPICS, type Told, type Wish } from "../../../marketdata/MarketStreams.ts"
import type { Side, Tick } from "../../../marketdata/Tick.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import type { Place } from "../../../topics/MessageId.ts"
import { PARTITIONS } from "../../../topics/Topic.ts"
import { decoderOf } from "../Decode.ts"

const decoder = decoderOf("herald.marketdata.v1")
/** Of each topic as many as it may have. */
const POSITIONS = MOST_TOPICS * PARTITIONS

export const streamRequest = decoder(StreamMarketDataRequest, {
  1: ["symbols", MOST_SYMBOLS, "entries"],
  2: ["data_types", 16, "entries"],
  4: ["topics", MOST_TOPICS, "entries"]
})
export const historyRequest = decoder(StreamHistoricalDataRequest, {})
export const manageRequest = decoder(ManageSubscriptionRequest, {
  4: ["symbols", MOST_SYMBOLS, "entries"],
  5: ["data_types", 16, "entries"]
})

const invalid = (message: string) => failure("InvalidInput", message)

const kinds = new Map<DataType, Kind>([
  [DataType.DATA_TYPE_TRADE, "trade"],
  [DataType.DATA_TYPE_QUOTE, "quote"],
  [DataType.DATA_TYPE_CANCEL, "cancel"],
  [DataType.DATA_TYPE_CORRECTION, "correction"]
])
const types = new Map([...kinds].map(([type, kind]) => [kind, type]))
const overflows = new Map<OnWire, Overflow>([
  [OnWire.OVERFLOW_BLOCK, "block"],
  [OnWire.OVERFLOW_CONFLATE, "conflate"],
  [OnWire.OVERFLOW_DROP_OLDEST, "drop oldest"],
  [OnWire.OVERFLOW_DISCONNECT, "disconnect"]
])

export const criteriaOf = ({
  symbols,
  dataTypes,
  filter
}: {
  readonly symbols: ReadonlyArray<string>
  readonly dataTypes: ReadonlyArray<DataType>
  readonly filter: FilterCriteria | undefined
}): Criteria | HeraldError => {
  const { exchanges = [], currencies = [], minPrice = "", maxPrice = "", minVolume = "" } = filter ?? {}
  if (exchanges.length > MOST_NAMES) return invalid(`filter.exchanges has more than ${MOST_NAMES} entries`)
  if (currencies.length > MOST_NAMES) return invalid(`filter.currencies has more than ${MOST_NAMES} entries`)
  const wanted = dataTypes.map((type) => kinds.get(type))
  if (wanted.includes(undefined)) return invalid("data_types: one of trade, quote, cancel and correction each")
  return { symbols, kinds: wanted as ReadonlyArray<Kind>, exchanges, currencies, minPrice, maxPrice, minVolume }
}

/** Where partitions of a topic begin that no position is of: with their first event, where the topic has others. */
const startOf = ({ start }: StreamMarketDataRequest): Wish["start"] | HeraldError => {
  switch (start?.$case) {
    case undefined:
      return () => ({ from: "latest" })
    case "earliest":
      return () => ({ from: "earliest" })
    case "timeMs": {
      const time = Number(start.value)
      if (time < 0 || !Number.isSafeInteger(time)) return invalid("time_ms is a time since 1970, in milliseconds")
      return () => ({ from: "time", time })
    }
    case "positions": {
      const { positions } = start.value
      if (positions.length > POSITIONS) return invalid(`positions has at most ${POSITIONS} entries`)
      const places = new Map<string, Map<number, Place>>()
      for (const { topic, partition, epoch, offset } of positions) {
        const wrong = wrongTopicName(topic)
        if (wrong !== undefined) return invalid(`positions: ${excerpt(topic)} ${wrong}`)
        if (partition >= PARTITIONS)
          return invalid(`positions names partition ${partition}, the last is ${PARTITIONS - 1}`)
        if (offset > BigInt(Number.MAX_SAFE_INTEGER)) return invalid(`positions has ${offset}; no offset is that high`)
        const its = places.get(topic) ?? new Map<number, Place>()
        if (its.has(partition)) return invalid(`positions names partition ${partition} of ${topic} twice`)
        places.set(topic, its.set(partition, { epoch, offset: Number(offset) }))
      }
      return (topic): Start => {
        const its = places.get(topic)
        return its === undefined ? { from: "earliest" } : { from: "places", places: its, others: "earliest" }
      }
    }
  }
}

/** MG1 */
export const wishOf = (request: StreamMarketDataRequest): Wish | HeraldError => {
  const { topics } = request
  for (const topic of topics) {
    const wrong = wrongTopicName(topic)
    if (wrong !== undefined) return invalid(`topics: ${excerpt(topic)} ${wrong}`)
  }
  const overflow = overflows.get(request.overflow)
  if (overflow === undefined) return invalid(`overflow is none that there is: ${request.overflow}`)
  const criteria = criteriaOf(request)
  if (criteria instanceof HeraldError) return criteria
  const start = startOf(request)
  return start instanceof HeraldError ? start : { criteria, topics, start, overflow }
}

const side = (one: Side | undefined): SideOnWire | undefined =>
  one === undefined ? undefined : { priceNanos: one.price, size: one.size satisfies Decimal }

const nothing = {
  ...{ id: "", priceNanos: 0n, size: undefined, conditions: [], bid: undefined, ask: undefined, tsOriginalNs: 0n }
}

const restOf = (tick: Tick): Partial<MarketData> => {
  switch (tick.kind) {
    case "trade":
      return { id: tick.id, priceNanos: tick.price, size: tick.size, conditions: [...tick.conditions] }
    case "quote":
      return { bid: side(tick.bid), ask: side(tick.ask) }
    case "cancel":
      return { id: tick.id, tsOriginalNs: tick.tsOriginal }
    case "correction": {
      const { id, tsOriginal, trade } = tick
      const { price, size, conditions } = trade
      return { id, tsOriginalNs: tsOriginal, priceNanos: price, size, conditions: [...conditions] }
    }
  }
}

const marketDataOf = ({ tick, offset }: Data["ticks"][number]): MarketData => ({
  ...nothing,
  ...{ type: types.get(tick.kind)!, symbol: tick.symbol, exchange: tick.exchange, currency: tick.currency },
  ...{ tsEventNs: tick.tsEvent, tsRecvNs: tick.tsRecv, sequence: tick.sequence, offset: BigInt(offset) },
  ...restOf(tick)
})

const encoded = (what: NonNullable<StreamMarketDataResponse["what"]>): Buffer =>
  Buffer.from(StreamMarketDataResponse.encode({ what }).finish())

const live = encoded({ $case: "live", value: {} })
const wires = new WeakMap<Data, Buffer>()

const dataOnWire = (data: Data): Buffer => {
  const { topic, partition, epoch, next, leftOut, at, ticks } = data
  const value = { topic, partition, epoch, nextOffset: BigInt(next), leftOut: BigInt(leftOut), publishedMs: BigInt(at) }
  return encoded({ $case: "batch", value: { ...value, data: ticks.map(marketDataOf) } })
}

/** MG2 */
export const encodeTold = (told: Told): Buffer => {
  switch (told.kind) {
    case "data": {
      const wire = wires.get(told) ?? dataOnWire(told)
      wires.set(told, wire)
      return wire
    }
    case "gap": {
      const { topic, partition, epoch, from, to, why } = told
      return encoded({ $case: "gap", value: { topic, partition, epoch, from: BigInt(from), to: BigInt(to), why } })
    }
    case "started": {
      const { topic, places } = told
      const positions = places.map(({ offset, ...rest }) => ({ topic, ...rest, offset: BigInt(offset) }))
      return encoded({ $case: "started", value: { positions } })
    }
    case "live":
      return live
    case "unheard":
      return encoded({ $case: "unheard", value: { symbols: [...told.symbols] } })
  }
}

export const barOf = ({ start, end, bar, revision, final, filled }: Bars["candles"][number]): Bar => {
  const average = averageOf(bar)
  return {
    ...{ startMs: BigInt(start), endMs: BigInt(end), openNanos: bar.open?.price, highNanos: bar.high },
    ...{ lowNanos: bar.low, closeNanos: bar.close?.price, volume: decimalText(bar.volume) },
    ...{ vwap: average === undefined ? "" : priceText(average), trades: BigInt(bar.trades) },
    ...{ revision: BigInt(revision), final, filled }
  }
}
