/** Who takes part in a `State`'s placement, and what each has registered. */
import type { Effect, Fiber, Semaphore } from "effect"

export interface Registered {
  readonly work: Effect.Effect<never>
  fiber: Fiber.Fiber<never> | undefined
}

export interface Member {
  readonly run: string
  readonly registered: Map<string, Registered>
  /** Begins work, which ends with the member. */
  readonly begin: (work: Effect.Effect<never>) => Effect.Effect<Fiber.Fiber<never>>
}

export class PlacementTables {
  /** Those that live, in the order in which they came. */
  readonly members: Array<Member> = []
  /** One change of turns at a time, by name. */
  readonly locks = new Map<string, Semaphore.Semaphore>()
}
