/** Holds nodes, instances, and what is known of each. */
import type { Registers } from "../../../src/fleet/Facts.ts"
import type { DeliveryRow, HealthRow, InstanceRow } from "../../../src/fleet/Instance.ts"

/** `former`: the session that lost the instance to this one, which took it at `takenAt`. Lives are counted as in Facts.ts. */
export interface HeldInstance extends InstanceRow {
  readonly former: string
  readonly takenAt: number
  /** When it ceased to be connected: milliseconds since 1970, by the store's clock; undefined while it is. */
  readonly goneAt: number | undefined
  readonly life: number
  readonly emptied: number
}

export class FleetTables {
  readonly nodes = new Map<string, { readonly node: string; readonly since: number; readonly seenAt: number }>()
  readonly instances = new Map<string, HeldInstance>()
  readonly deliveries = new Map<string, DeliveryRow>()
  /** By instance and key; `of`: the instance. */
  readonly facts = new Map<string, { readonly key: string; readonly of: string; readonly registers: Registers }>()
  readonly health = new Map<string, HealthRow>()
}
