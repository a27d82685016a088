/** Of scheduled changes. */
import { duration } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  schedules: {
    /** How much later than its time a change is still made, where nobody could make it before. */
    graceMillis: setting("schedules.grace", "SCHEDULES_GRACE", duration, 3_600_000)
  }
}
