/** Port: what is known of every instance and delivery. Written behind, in batches; newest state wins. */
import { Context, type Effect } from "effect"
import type { ClientView } from "../configuration/Rendering.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"

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
  /** `<run>/<number>`: a run is one life of one server process. */
  readonly session: string
}

export interface InstanceNote extends InstanceRow {
  /** The session has not been written yet: it takes the instance from the session that has it. */
  readonly opening: boolean
}

/** A node and this life of it. */
export interface Run {
  readonly run: string
  readonly node: string
  /** Milliseconds without a sign of life after which a node's instances are lost. */
  readonly timeoutMillis: number
}

/** A client of another node. */
export interface Elsewhere {
  readonly client: ClientView
  readonly patterns: ReadonlyArray<string>
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
  readonly instances: ReadonlyArray<InstanceNote>
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
    /**
     * One transaction. Upserts; an older state never overwrites a newer one, so a batch may be written twice. An instance belongs to the
     * session that took it last, as the store saw it: what another session still says of it is not kept.
     */
    readonly write: (batch: Batch) => Effect.Effect<void, HeraldError>
    /** Connected ones first, each in the order of their names. */
    readonly list: (options: {
      readonly environment?: string
      readonly service?: string
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<InstanceReport>, HeraldError>
    /**
     * A node's sign of life. Returns the sessions of this run whose instance another run took since the last one, and up to 10,000 of those
     * that were taken for lost.
     */
    readonly seen: (
      run: Run
    ) => Effect.Effect<{ readonly taken: ReadonlyArray<string>; readonly doubted: ReadonlyArray<string> }, HeraldError>
    /**
     * Marks instances of dead nodes `timed_out`, `NodeLost`, at most 10,000, and returns how many; undefined when the lease was taken. LE1
     * A node that was away itself marks none.
     */
    readonly lose: (
      lease: Lease,
      leaseMillis: number,
      timeoutMillis: number
    ) => Effect.Effect<number | undefined, HeraldError>
    /** Connected clients of other runs, at most `limit`. */
    readonly elsewhere: (options: {
      readonly environment: string
      readonly run: string
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<Elsewhere>, HeraldError>
  }
>()("herald/sessions/InstanceStore") {}
