/** Answers the routes of market data. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { MarketData, PAGE } from "../../../marketdata/MarketData.ts"
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
      .handle("latest", ({ params: { symbol }, query: { exchange, session = "all" } }) =>
        answer(Effect.map(marketData.latest({ symbol, exchange, session }), (newest) => json(Wire.latestOf(newest))))
      )
      .handle("history", ({ params: { symbol }, query }) => {
        const { exchange, session = "all", interval = "1m", limit = PAGE, fill = "none", cursor } = query
        const asked = { symbol, exchange, session }
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
