/** Writes trades and quotes into a store, as a projector would that has read them of a topic. */
import { Effect } from "effect"
import { Gathering, type PlacedQuote, type PlacedTrade, rolledUp } from "../../src/marketdata/Gathering.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { NOTHING } from "../../src/marketdata/Projection.ts"

let topics = 0

export const traded = (
  name: string,
  trades: ReadonlyArray<PlacedTrade>,
  quotes: ReadonlyArray<PlacedQuote> = [],
  watermark = trades.map(({ tsEvent }) => tsEvent).toSorted((a, b) => Number(b - a))[0] ?? 0n
) =>
  Effect.flatMap(MarketStore, (store) => {
    const gathering = new Gathering()
    for (const trade of trades) gathering.add(trade)
    for (const quote of quotes) gathering.quote(quote)
    return store.write({
      ...{
        partition: { topic: ++topics, partition: 0 },
        name,
        from: undefined,
        to: { epoch: 1, offset: trades.length }
      },
      ...{ ...NOTHING, watermark, bars: rolledUp(gathering.minutes()), newest: gathering.newest() },
      quotes: gathering.quotes()
    })
  })
