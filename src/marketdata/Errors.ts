/** What is said of market data. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  NoMarketData: {
    code: "HRLD-2095",
    title: "There is no such market data",
    cause:
      "No topic that is read as market data (MARKET_DATA_TOPICS) has trades of this symbol, or none that who asks may read.",
    fix: "See which there are: `herald market symbols`, GET /v1/market-data. Write symbols as the feed does, AAPL is not aapl; publish trades below MARKET_DATA_TOPICS.",
    grpc: 5,
    http: 404,
    exit: 4
  }
} satisfies ErrorRows
