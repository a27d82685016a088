/** Answers the routes of market data. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { LIST_PAGE, MarketData, PAGE } from "../../../marketdata/MarketData.ts"
import { makeMarketSockets } from "../../websocket/marketdata/Stream.ts"
import { json } from "../Answer.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { MarketDataGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const routes = HttpApiBuilder.group(
  contract.add(MarketDataGroup),
  "marketData",
  Effect.fnUntraced(function* (handlers) {
    const marketData = yield* MarketData

    return handlers
      .handle("list", ({ query: { topic, prefix = "", limit = LIST_PAGE, cursor } }) =>
        answer(
          Effect.map(marketData.list({ topic, prefix, limit, after: Wire.listedIn(cursor) }), (found) =>
            json(Wire.listOf(found))
          )
        )
      )
      .handle("latest", ({ params: { symbol }, query: { topic, exchange, session = "all" } }) =>
        answer(
          Effect.map(marketData.latest({ symbol, topic, exchange, session }), (newest) => json(Wire.latestOf(newest)))
        )
      )
      .handle("history", ({ params: { symbol }, query }) => {
        const { topic, exchange, session = "all", interval = "1m", limit = PAGE, fill = "none", cursor } = query
        const asked = { symbol, topic, exchange, session }
        const from = Wire.timeOf(query.start_time)
        return answer(
          Effect.map(
            marketData.history({
              ...{ ...asked, interval, limit, fill, until: Wire.timeOf(query.end_time) },
              from: cursor === undefined ? from : Number(cursor)
            }),
            (bars) => json(Wire.historyOf(asked, interval, bars))
          )
        )
      })
  })
)

export const marketData = {
  groups: [MarketDataGroup],
  routes,
  sockets: makeMarketSockets,
  asRouted: Wire.asRouted
} as const satisfies Part
