/** Of market data: which topics it is on, how long bars are kept, and when it is stale. */
import { duration, oneOf, topicPattern } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  marketData: {
    /** A topic, or with /* all topics below a name. */
    topics: setting("marketData.topics", "MARKET_DATA_TOPICS", topicPattern, "market-data/normalized/*"),
    /** Of minutes and hours. */
    keepMillis: setting("marketData.time", "MARKET_DATA_TIME", duration, 90 * 86_400_000),
    keepDaysMillis: setting("marketData.daysTime", "MARKET_DATA_DAYS_TIME", duration, 3_650 * 86_400_000),
    /** What the event log is told of market data that was distributed. */
    distributed: setting(
      "marketData.distributed",
      "MARKET_DATA_DISTRIBUTED",
      oneOf("off", "sampled", "complete"),
      "sampled"
    ),
    /** How old the latest trade may be while its venue is open. */
    staleMillis: setting("marketData.stale", "MARKET_DATA_STALE", duration, 60_000)
  }
}
