/** An instance: how it is named, what is noted of it and of its deliveries, and what is told of both. Pure. */
import type { Position } from "../propagation/Position.ts"
import type { Facts } from "./Facts.ts"

export interface InstanceId {
  readonly environment: string
  readonly service: string
  readonly instance: string
}

/** One text for an instance; what a ClientView names is one, too. */
export const instanceKey = ({ environment, service, instance }: InstanceId): string =>
  `${environment}\u0000${service}\u0000${instance}`

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
  /** `<run>/<number>`: a run is one life of one server process. */
  readonly session: string
  /** The principal whose session has or had it; "": any of the environment may take it. */
  readonly owner: string
}

export interface InstanceNote extends InstanceRow {
  /** The session has not been written yet: it takes the instance from the session that has it. */
  readonly opening: boolean
  /** It came without holding anything: what it applied in former sessions it has left. */
  readonly empty: boolean
}

/** One session of an instance, as it speaks of keys. */
export interface Speaker extends InstanceId {
  readonly session: string
}

export interface DeliveryRow extends Speaker {
  readonly key: string
  readonly epoch: string
  readonly revision: bigint
  readonly version: number
  readonly state: DeliveryState
  readonly reason: string
  /** The client held nothing of the key before. */
  readonly lacks: boolean
  /** Milliseconds since 1970; 0 when it did not happen. */
  readonly sentAt: number
  readonly answeredAt: number
}

/** Newest versions that a client held already when it connected. */
export interface HeldRow extends Speaker {
  readonly epoch: string
  readonly at: number
  readonly keys: ReadonlyArray<{ readonly key: string; readonly revision: bigint; readonly version: number }>
}

export interface HealthRow extends InstanceId {
  /** Of the revision; "" when the client did not say it: then it is the present one. */
  readonly epoch: string
  readonly revision: bigint
  readonly health: "healthy" | "degraded" | "unhealthy"
  readonly message: string
  readonly metrics: Readonly<Record<string, number>>
  readonly reportedAt: number
}

/** `owner`: for whom it was reported; "": anyone. */
export interface HealthNote extends HealthRow {
  readonly owner: string
}

export interface Batch {
  readonly instances: ReadonlyArray<InstanceNote>
  readonly deliveries: ReadonlyArray<DeliveryRow>
  readonly held: ReadonlyArray<HeldRow>
  readonly health: ReadonlyArray<HealthNote>
}

/** What is known of a key at an instance. */
export interface KeyFacts extends Facts {
  readonly key: string
}

export interface InstanceReport extends InstanceRow {
  /** In the order of keys, the first `keys` after `afterKey`, then those of the rest that have trouble. */
  readonly keys: ReadonlyArray<KeyFacts>
  /** Keys that were rejected or can't be sent, of all, counted up to 1,000. */
  readonly troubled: number
  readonly health: HealthRow | undefined
}

/** Of a service in an environment. */
interface OfService {
  readonly environment: string
  readonly service: string
}

/** A page of instances, counted. What is told of patterns and keys is of connected ones alone. */
export interface Counted {
  readonly services: ReadonlyArray<OfService & { readonly connected: number; readonly away: number }>
  readonly patterns: ReadonlyArray<OfService & { readonly patterns: ReadonlyArray<string>; readonly clients: number }>
  /** Clients of which the same is known of a key, by the rules of Facts.ts. */
  readonly keys: ReadonlyArray<
    OfService & {
      readonly key: string
      readonly applied: Has | undefined
      readonly rejected: Has | undefined
      readonly problem: Position | undefined
      readonly clients: number
    }
  >
  /** The instance after which the next page begins; undefined at the end. */
  readonly next: InstanceId | undefined
}

export interface Has extends Position {
  readonly version: number
}
