/** Of statistics of topics: how long they are kept, and of which deliveries. */
import { durationIn, oneOf } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  statistics: {
    /** GS6 */
    keepMillis: setting("statistics.time", "STATISTICS_TIME", durationIn("1h", "366d"), 7 * 86_400_000),
    /** What is written of deliveries that came to something; of those that failed all is. */
    deliveries: setting(
      "statistics.deliveries",
      "STATISTICS_DELIVERIES",
      oneOf("off", "sampled", "complete"),
      "sampled"
    )
  }
}
