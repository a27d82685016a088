/** How much of what is known of flags' use is kept, and how long. */
import { duration, integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  usage: {
    /** Of counts by day. */
    keepMillis: setting("usage.time", "USAGE_TIME", duration, 90 * 86_400_000),
    /** Of exposures and tracks. */
    keepReportsMillis: setting("usage.reportsTime", "USAGE_REPORTS_TIME", duration, 60 * 86_400_000),
    /** Exposures, and tracks, that an environment takes of one day: so many of each. */
    reportsPerDay: setting("usage.reportsPerDay", "USAGE_REPORTS_PER_DAY", integer(0, 1_000_000_000), 1_000_000)
  }
}
