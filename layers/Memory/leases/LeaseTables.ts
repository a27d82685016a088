/** Holds a `State`'s leases, and fences what is done under one. */
import type { Lease } from "../../../src/leases/Leases.ts"
import type { State } from "../State.ts"

export class LeaseTables {
  /** `until` in milliseconds since 1970. */
  readonly leases = new Map<string, Lease & { until: number }>()
}

/** Prolongs the lease; false when another claim took it. Times are in milliseconds. */
export const fenced = (state: State, lease: Lease, leaseMillis: number, now: number): boolean => {
  const held = state.tables(LeaseTables).leases.get(lease.name)
  if (held === undefined || held.run !== lease.run || held.epoch !== lease.epoch || held.token !== lease.token)
    return false
  held.until = Math.max(held.until, now + leaseMillis)
  return true
}
