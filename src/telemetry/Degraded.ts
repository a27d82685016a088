/**
 * What this node goes on without at the moment: named in `/readyz` for people.
 *
 *   DG1  A dependency that is named makes no node unready; only a view that the database does not confirm does.
 */
import { Context } from "effect"

/** `redis`: its breaker is open. `events`: committed revisions wait to be published. */
export type Dependency = "redis" | "events"

export interface DegradedShape extends Iterable<Dependency> {
  readonly add: (dependency: Dependency) => void
  readonly delete: (dependency: Dependency) => void
}

/** Those of a node; by default nobody notes them. */
export const Degraded = Context.Reference<DegradedShape>("herald/telemetry/Degraded", {
  defaultValue: () => ({ add: () => {}, delete: () => {}, [Symbol.iterator]: () => [][Symbol.iterator]() })
})
