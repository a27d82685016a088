/** Of market data: which topics it is on, how long bars are kept, and when it is stale. */
import { durationIn, oneOf, topicPatterns } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  marketData: {
    /** Topics, or with /* all topics below a name: those of the first are trusted most. */
    topics: setting("marketData.topics", "MARKET_DATA_TOPICS", topicPatterns, ["market-data/normalized/*"]),
    /** Of minutes and hours: each week is a range, and a request that looks through them locks all that it may need. */
    keepMillis: setting("marketData.time", "MARKET_DATA_TIME", durationIn("1d", "366d"), 90 * 86_400_000),
    keepDaysMillis: setting(
      "marketData.daysTime",
      "MARKET_DATA_DAYS_TIME",
      durationIn("1d", "36500d"),
      3_650 * 86_400_000
    ),
    /** What the event log is told of market data that was distributed: symbols and prices, for whoever reads that, whatever topics they may read. */
    distributed: setting(
      "marketData.distributed",
      "MARKET_DATA_DISTRIBUTED",
      oneOf("off", "sampled", "complete"),
      "off"
    ),
    /** How old the latest trade may be while its venue is open. */
    staleMillis: setting("marketData.stale", "MARKET_DATA_STALE", durationIn("1s", "7d"), 60_000)
  }
}
