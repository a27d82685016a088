/** Who calls flagd's services without an API key. OK1–OK3 in src/flags/OpenFlags.ts */
import { Effect } from "effect"
import { OpenFlags } from "../../../flags/OpenFlags.ts"
import { unmapped } from "../../../net/Address.ts"
import type { ServerCall } from "../ServerCall.ts"

export const strangers = Effect.map(
  OpenFlags,
  ({ admit }) =>
    ({ peer, host, metadata }: ServerCall) =>
      admit({ address: unmapped(peer.address), host, came: (name) => metadata.get(name).length > 0 }, 1)
)
