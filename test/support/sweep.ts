/** Runs the retention by hand. */
import { Effect } from "effect"
import { Leases } from "../../src/leases/Leases.ts"
import { type Keep, RetentionStore } from "../../src/retention/RetentionStore.ts"

/** Sweeps to the end; returns how many revisions went. */
export const sweep = Effect.fnUntraced(function* (keep: Keep) {
  const [leases, store] = [yield* Leases, yield* RetentionStore]
  const lease = (yield* leases.claim("retention", "test", 60_000))!
  let revisions = 0
  while (true) {
    const swept = (yield* store.step(lease, 60_000, keep))!
    revisions += swept.revisions
    if (!swept.more) break
  }
  yield* store.drop
  return revisions
})
