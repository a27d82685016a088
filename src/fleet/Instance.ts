/** An instance: its name, what is noted of it and its deliveries, and what is reported of both. Pure. */
import type { Position } from "../propagation/Position.ts"
import type { Facts } from "./Facts.ts"

export interface InstanceId {
  readonly environment: string
  readonly service: string
  readonly instance: string
}

/** The instance as one string, for maps. */
export const instanceKey = ({ environment, service, instance }: InstanceId): string =>
  `${environment}\u0000${service}\u0000${instance}`

export type InstanceState = "connected" | "disconnected" | "timed_out"
export type DeliveryState = "sent" | "applied" | "rejected" | "problem"

export interface InstanceRow extends InstanceId {
  readonly state: InstanceState
  readonly labels: Readonly<Record<string, string>>
  readonly patterns: ReadonlyArray<string>
  /** Milliseconds since 1970. */
  readonly connectedAt: number
  /** Milliseconds since 1970. */
  readonly lastSeen: number
  /** Why the last session ended: an error name of the catalogue, "Closed" when the client left, "" while connected. */
  readonly ending: string
  readonly node: string
  /** `<run>/<number>`: a run is one life of one server process. */
  readonly session: string
  /** The principal whose session has or had it; "" when any principal of the environment may take it. */
  readonly owner: string
}

export interface InstanceNote extends InstanceRow {
  /** The session has not been written yet: it takes the instance from the session that has it. */
  readonly opening: boolean
  /** It connected without holding anything, so what it applied in earlier sessions it no longer has. */
  readonly empty: boolean
}

/** One session of an instance, as the source of what is noted of keys. */
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
  /** As `sentAt`. */
  readonly answeredAt: number
}

/** Newest versions that a client already held when it connected. */
export interface HeldRow extends Speaker {
  readonly epoch: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly keys: ReadonlyArray<{ readonly key: string; readonly revision: bigint; readonly version: number }>
}

export interface HealthRow extends InstanceId {
  /** Of the revision; "" when the client did not say, which means the present one. */
  readonly epoch: string
  readonly revision: bigint
  readonly health: "healthy" | "degraded" | "unhealthy"
  readonly message: string
  readonly metrics: Readonly<Record<string, number>>
  /** Milliseconds since 1970. */
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
  /** In the order of keys the first `ListOptions.keys` after `afterKey`, then those of the rest that were rejected or can't be sent. */
  readonly keys: ReadonlyArray<KeyFacts>
  /** Keys that were rejected or can't be sent, whether on this page or not; counted up to 1,000. */
  readonly troubled: number
  readonly health: HealthRow | undefined
}

/** Of a service in an environment. */
interface OfService {
  readonly environment: string
  readonly service: string
}

/** A page of instances, counted. Patterns and keys are those of connected instances only. */
export interface Counted {
  readonly services: ReadonlyArray<OfService & { readonly connected: number; readonly away: number }>
  readonly patterns: ReadonlyArray<OfService & { readonly patterns: ReadonlyArray<string>; readonly clients: number }>
  /** How many clients are known to have the same of a key, by the rules of Facts.ts. */
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
