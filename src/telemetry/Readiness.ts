/** Decides whether new clients should come to this node, and names what it does without. Pure. */

/**
 * `audit`: no checkpoint can be kept, or the log contradicts one. `events`: Kafka, or what waits for it. `placement`: its share of the work
 * that one node does rests. `postgresql-writes`: the database answers and takes no writes. `rollouts`: nothing can be decided on them.
 * `schedules`: changes wait although their time has come. `telemetry`: traces, metrics and logs can't be exported. `webhooks`: a receiver takes none.
 */
export type Dependency =
  | "audit"
  | "events"
  | "placement"
  | "postgresql-replica"
  | "postgresql-writes"
  | "redis"
  | "rollouts"
  | "schedules"
  | "telemetry"
  | "webhooks"

export interface Readiness {
  readonly ready: boolean
  /** Sorted by name. */
  readonly degraded: ReadonlyArray<Dependency | "postgresql">
}

/** `stale`: the database does not confirm the view. DG1 */
export const readinessOf = (stale: boolean, without: Iterable<Dependency>): Readiness => ({
  ready: !stale,
  degraded: [...(stale ? (["postgresql"] as const) : []), ...without].sort()
})
