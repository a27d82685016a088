/** herald.marketdata.v1.MarketDataStream, put together from a file for each of its calls. */
import { Effect } from "effect"
import { MarketDataStreamService } from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { MarketStreams } from "../../../marketdata/MarketStreams.ts"
import type { Admitted, Service } from "../Service.ts"
import { makeHistory } from "./History.ts"
import { makeManage } from "./Manage.ts"
import { makeStream } from "./Stream.ts"

export const marketDataStream = {
  definition: MarketDataStreamService,
  descriptors: "herald",
  permission: "topics.read",
  serve: Effect.fnUntraced(function* (admitted: Admitted) {
    const { drain } = yield* MarketStreams
    const handlers = {
      streamMarketData: yield* makeStream(admitted),
      streamHistoricalData: yield* makeHistory,
      manageSubscription: yield* makeManage
    }
    return { handlers, drain }
  })
} as const satisfies Service
