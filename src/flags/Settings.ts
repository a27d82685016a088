/** Of flags. */
import { environments, integer, origins } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  flags: {
    streams: setting("flags.streams", "FLAGS_STREAMS", integer(1, 1_000_000), 10_000),
    anonymous: setting("flags.anonymous", "FLAGS_ANONYMOUS", environments, [] as ReadonlyArray<string>),
    /** Pages of these origins may ask OpenFeature's protocols from a browser. */
    origins: setting("flags.origins", "FLAGS_ORIGINS", origins, [] as ReadonlyArray<string>)
  }
}
