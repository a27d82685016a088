/**
 * Port: the counts as they are stored.
 *
 *   TY1  A count only grows: a commit that would make it less, or leave it, is refused (`VersionConflict`) where its turn is decided.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "../propagation/Position.ts"
import type { Toy } from "./Toy.ts"

export class ToyStore extends Context.Service<
  ToyStore,
  {
    /** The newest of each key, and the position that they are of. Fails `DatabaseUnavailable`. */
    readonly all: Effect.Effect<{ readonly at: Position; readonly toys: ReadonlyArray<Toy> }, HeraldError>
  }
>()("herald/toys/ToyStore") {}
