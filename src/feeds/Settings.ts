/** Settings of feeds of changes. */
import { integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  feeds: {
    /** Feeds that this node may have open; one principal at most four fifths of them. */
    max: setting("feeds.max", "FEEDS_MAX", integer(1, 100_000), 500)
  }
}
