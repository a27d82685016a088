/** Something of what a store was given can't be kept, whatever the try. No user is told: whoever wrote it takes it apart or leaves it out. */
import { Data } from "effect"

export class Unkeepable extends Data.TaggedError("Unkeepable")<{
  /** As an error's: what could not be done. */
  readonly message: string
}> {}
