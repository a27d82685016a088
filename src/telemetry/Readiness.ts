/** Whether new clients should come to this node, and what it goes on without. Pure. */
import type { Dependency } from "./Degraded.ts"

export interface Readiness {
  readonly ready: boolean
  /** By name, in their order. */
  readonly degraded: ReadonlyArray<Dependency | "postgresql">
}

/** `stale`: the database does not confirm the view. DG1 */
export const readinessOf = (stale: boolean, without: Iterable<Dependency>): Readiness => ({
  ready: !stale,
  degraded: [...(stale ? (["postgresql"] as const) : []), ...without].sort()
})
