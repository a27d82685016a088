/** What runs for flags: their use cases, who reads them without an API key, and who is told when they change. */
import { Layer } from "effect"
import { FlagStreams } from "../flags/FlagStreams.ts"
import { Flags } from "../flags/Flags.ts"
import { OpenFlags } from "../flags/OpenFlags.ts"
import { Refetches } from "../flags/Refetches.ts"
import type { Settings } from "../settings/Catalogue.ts"

export interface Strangers {
  /** Environments whose flags programs of this machine read, unless FLAGS_ANONYMOUS says otherwise. OK3 */
  readonly nearby: ReadonlyArray<string>
  /** Whether many share an address, such as a proxy's. OK2 */
  readonly shared: (address: string) => boolean
}

const nobody: Strangers = { nearby: [], shared: () => false }

export const flagServices = ({
  flags,
  http,
  strangers: { nearby, shared } = nobody
}: Pick<Settings, "flags" | "http"> & { readonly strangers?: Strangers }) => {
  const { anonymous = nearby } = flags
  const origins = [...flags.origins, ...http.origins]
  const open = { ...flags, origins, anonymous, near: flags.anonymous === undefined, shared }
  return Layer.mergeAll(
    Flags.layer,
    OpenFlags.layer(open),
    Refetches.layer.pipe(Layer.provideMerge(FlagStreams.layer(flags)))
  )
}
