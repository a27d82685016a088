/** Of flags. */
import { environments, integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  flags: {
    streams: setting("flags.streams", "FLAGS_STREAMS", integer(1, 1_000_000), 10_000),
    anonymous: setting("flags.anonymous", "FLAGS_ANONYMOUS", environments, [] as ReadonlyArray<string>)
  }
}
