/** Says that a store can never keep something that it was given. No user is told: whoever wrote it takes it apart, or leaves some of it out. */
import { Data } from "effect"

export class Unkeepable extends Data.TaggedError("Unkeepable")<{
  /** What could not be done, as in other errors. */
  readonly message: string
}> {}
