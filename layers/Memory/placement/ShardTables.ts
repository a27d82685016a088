/** Who takes part in a `State`'s placement, and the shards of each. */
import type { Lease } from "../../../src/leases/Leases.ts"
import type { Member } from "../../../src/placement/ShardStore.ts"

export class ShardTables {
  /** By run. `until`: milliseconds since 1970. */
  readonly members = new Map<string, Member & { until: number; leaving: boolean }>()
  readonly shards = new Map<string, Lease>()
}
