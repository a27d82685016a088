/** Who may say that a flag is not to be changed, and how it is let go: what holds flags tells it here. */
import { Context, type Effect, Layer } from "effect"
import type { Wish } from "../commits/Release.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Holder } from "./Hold.ts"

export interface Hold extends Holder {
  /** What lets go of the flag when it is committed with the change. */
  readonly ends: Effect.Effect<Wish, HeraldError>
}

export class FlagHolds extends Context.Service<
  FlagHolds,
  {
    /** Undefined: nothing holds it, as this node knows. A commit decides it anew. */
    readonly find: (environment: string, flag: string) => Hold | undefined
    readonly add: (find: (environment: string, flag: string) => Hold | undefined) => void
  }
>()("herald/flags/FlagHolds") {
  static readonly layer = Layer.sync(FlagHolds, () => {
    const all: Array<(environment: string, flag: string) => Hold | undefined> = []
    return FlagHolds.of({
      find: (environment, flag) => {
        for (const find of all) {
          const hold = find(environment, flag)
          if (hold !== undefined) return hold
        }
        return undefined
      },
      add: (find) => void all.push(find)
    })
  })
}
