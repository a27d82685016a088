/** Port: what is known of every instance and delivery. Written behind, in batches; newest state wins. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

export interface InstanceId {
  readonly environment: string
  readonly service: string
  readonly instance: string
}

export type InstanceState = "connected" | "disconnected" | "timed_out"
export type DeliveryState = "sent" | "applied" | "rejected" | "problem"

export interface InstanceRow extends InstanceId {
  readonly state: InstanceState
  readonly labels: Readonly<Record<string, string>>
  readonly patterns: ReadonlyArray<string>
  readonly connectedAt: number
  readonly lastSeen: number
  /** Why the last session ended: an error name of the catalogue, "closed" when the client left, "" while connected. */
  readonly ending: string
  readonly node: string
}

export interface DeliveryRow extends InstanceId {
  readonly key: string
  readonly revision: bigint
  readonly version: number
  readonly state: DeliveryState
  readonly reason: string
  /** Milliseconds since 1970; 0 when it did not happen. */
  readonly sentAt: number
  readonly answeredAt: number
}

export interface HealthRow extends InstanceId {
  readonly revision: bigint
  readonly health: "healthy" | "degraded" | "unhealthy"
  readonly message: string
  readonly metrics: Readonly<Record<string, number>>
  readonly reportedAt: number
}

export interface Batch {
  readonly instances: ReadonlyArray<InstanceRow>
  readonly deliveries: ReadonlyArray<DeliveryRow>
  readonly health: ReadonlyArray<HealthRow>
}

/** The newest delivery of each key to an instance, beside what the instance is. */
export interface InstanceReport extends InstanceRow {
  readonly deliveries: ReadonlyArray<DeliveryRow>
  readonly health: HealthRow | undefined
}

export class InstanceStore extends Context.Service<
  InstanceStore,
  {
    /** One transaction. Upserts; an older state never overwrites a newer one, so a batch may be written twice. */
    readonly write: (batch: Batch) => Effect.Effect<void, HeraldError>
    readonly list: (options: {
      readonly environment?: string
      readonly service?: string
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<InstanceReport>, HeraldError>
  }
>()("herald/sessions/InstanceStore") {}
