/** Who follows changes without being a client. */
import { integer } from "../settings/Kind.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  feeds: {
    /** Feeds of changes that this node has open; four fifths of them for one principal. */
    max: setting("feeds.max", "FEEDS_MAX", integer(1, 100_000), 500)
  }
}
