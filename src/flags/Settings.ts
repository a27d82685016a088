/** Of flags. */
import { environments, integer, origins } from "../settings/Form.ts"
import { setting, unset } from "../settings/Setting.ts"

export const settings = {
  flags: {
    streams: setting("flags.streams", "FLAGS_STREAMS", integer(1, 1_000_000), 10_000),
    /** Absent: production's by programs of this machine, where the server serves nobody else. OK3 */
    anonymous: unset("flags.anonymous", "FLAGS_ANONYMOUS", environments),
    anonymousPerSecond: setting("flags.anonymousPerSecond", "FLAGS_ANONYMOUS_PER_SECOND", integer(1, 1_000_000), 5_000),
    /** Pages of these origins, besides those of HERALD_ORIGINS, may ask OpenFeature's protocols from a browser, and nothing else. */
    origins: setting("flags.origins", "FLAGS_ORIGINS", origins, [] as ReadonlyArray<string>)
  }
}
