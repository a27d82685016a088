/** Settings of how a node keeps up with the log. */
import { duration } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  propagation: {
    pollInterval: setting("propagation.pollInterval", "POLL_INTERVAL", duration, 500),
    staleAfter: setting("propagation.staleAfter", "STALE_AFTER", duration, 3_000)
  }
}
