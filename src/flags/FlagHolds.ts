/** What may say that a flag is not to be changed tells it here, for dry runs: a commit decides it anew. */
import { Context, Layer } from "effect"
import type { Holder } from "./Hold.ts"

type Find = (environment: string, flag: string) => Holder | undefined

export class FlagHolds extends Context.Service<
  FlagHolds,
  {
    /** Undefined: nothing holds it, as this node knows. */
    readonly find: Find
    readonly add: (find: Find) => void
  }
>()("herald/flags/FlagHolds") {
  static readonly layer = Layer.sync(FlagHolds, () => {
    const all: Array<Find> = []
    return FlagHolds.of({
      find: (environment, flag) => {
        for (const find of all) {
          const holder = find(environment, flag)
          if (holder !== undefined) return holder
        }
        return undefined
      },
      add: (find) => void all.push(find)
    })
  })
}
