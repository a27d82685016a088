/** What the twin of routing rules holds of a `State`, as migration 0041 has it. */
import type { Route } from "../../../src/routes/Route.ts"
import { type KeptRefusal, type Progress, REFUSALS } from "../../../src/routes/RouteStore.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"

export const positionKey = (route: number, { topic, partition }: PartitionId): string =>
  `${route}/${topic}/${partition}`

export class RouteTables {
  revision = 0
  ids = 0
  /** By id. */
  readonly rules = new Map<number, Route>()
  readonly positions = new Map<string, Progress>()
  /** By rule, the oldest first. */
  readonly refusals = new Map<number, Array<KeptRefusal>>()

  refuse(route: number, refusals: ReadonlyArray<KeptRefusal>): void {
    const kept = [...(this.refusals.get(route) ?? []), ...refusals].slice(-REFUSALS)
    if (kept.length > 0) this.refusals.set(route, kept)
  }

  remove(route: number): void {
    this.rules.delete(route)
    this.refusals.delete(route)
    for (const [key, position] of this.positions) if (position.route === route) this.positions.delete(key)
  }
}
