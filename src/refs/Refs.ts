/** Use cases on where code names flags. Every method checks `CurrentIdentity` for the environment that it touches, and
 * for the flag, or, as scans name any, for all flags. */
import { Context, Effect, Layer } from "effect"
import { requirePermission } from "../access/Access.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"
import { targetProblem } from "../keys/Target.ts"
import { type Found, type Ref, refsProblem, type Scan, type Source, sourceProblem } from "./Ref.ts"
import { RefStore } from "./RefStore.ts"

/** A scan, and how many places it has, tells of whatever flags its repository names. */
const ALL = { kind: "flag", key: EVERY_KEY } as const

export class Refs extends Context.Service<
  Refs,
  {
    /** Fails `InvalidInput`, `TooLarge`, `ScansFull`, and as the store. RK1 */
    readonly replace: (
      environment: string,
      source: Source,
      refs: ReadonlyArray<Ref>
    ) => Effect.Effect<Scan, HeraldError>
    /** Fails `NotFound`, and as the store. */
    readonly remove: (environment: string, source: Omit<Source, "commit">) => Effect.Effect<void, HeraldError>
    /** Of a flag, which need not be there. */
    readonly of: (environment: string, flag: string, limit: number) => Effect.Effect<ReadonlyArray<Found>, HeraldError>
    readonly scans: (environment: string) => Effect.Effect<ReadonlyArray<Scan>, HeraldError>
  }
>()("herald/refs/Refs") {
  static readonly layer = Layer.effect(
    Refs,
    Effect.gen(function* () {
      const store = yield* RefStore
      return Refs.of({
        replace: Effect.fn("Refs.replace")(function* (environment, source, refs) {
          const { name } = yield* requirePermission("config.write", environment, ALL)
          const problem = sourceProblem(source) ?? refsProblem(refs)
          if (problem !== undefined) return yield* problem
          return yield* store.replace(environment, source, name, refs)
        }),
        remove: Effect.fn("Refs.remove")(function* (environment, source) {
          yield* requirePermission("config.write", environment, ALL)
          const problem = sourceProblem({ ...source, commit: "" })
          if (problem !== undefined) return yield* problem
          if (yield* store.remove(environment, source)) return
          const { repository, branch } = source
          return yield* failure("NotFound", `${repository} told nothing of its branch ${branch} in ${environment}`)
        }),
        of: Effect.fn("Refs.of")(function* (environment, flag, limit) {
          yield* requirePermission("config.read", environment, { kind: "flag", key: flag })
          const problem = targetProblem(environment, flag)
          if (problem !== undefined) return yield* problem
          return yield* store.of(environment, flag, limit)
        }),
        scans: Effect.fn("Refs.scans")(function* (environment) {
          yield* requirePermission("config.read", environment, ALL)
          return yield* store.scans(environment)
        })
      })
    })
  )
}
