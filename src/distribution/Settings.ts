/** Of statistics of topics: how long they are kept, and of which deliveries. */
import { duration, oneOf } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  statistics: {
    keepMillis: setting("statistics.time", "STATISTICS_TIME", duration, 7 * 86_400_000),
    /** What is written of deliveries that came to something; of those that failed all is. */
    deliveries: setting(
      "statistics.deliveries",
      "STATISTICS_DELIVERIES",
      oneOf("off", "sampled", "complete"),
      "sampled"
    )
  }
}
