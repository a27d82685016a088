/**
 * Use cases on counts. Every method checks `CurrentIdentity` for the environment that it touches.
 *
 *   TY2  A count is never larger than the setting `toys.largest`.
 */
import { Context, Effect, Layer } from "effect"
import { requirePermission } from "../access/Access.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { targetProblem } from "../keys/Target.ts"
import type { Toy, ToyWish } from "./Toy.ts"
import { ToyView } from "./ToyView.ts"

export interface ToysOptions {
  readonly largest: number
}

export class Toys extends Context.Service<
  Toys,
  {
    /** Fails `ToyTooLarge`, and what committing fails with: `VersionConflict` where the count would not grow. */
    readonly count: (
      environment: string,
      key: string,
      count: number,
      options: CommitOptions
    ) => Effect.Effect<Toy, HeraldError>
    /** As this node knows it. Fails `NotFound`. */
    readonly get: (environment: string, key: string) => Effect.Effect<Toy, HeraldError>
  }
>()("herald/toys/Toys") {
  static readonly layer = (options: ToysOptions) => Layer.effect(Toys, make(options))
}

const make = Effect.fnUntraced(function* ({ largest }: ToysOptions) {
  const commit = yield* makeCommitting
  const view = yield* ToyView

  return Toys.of({
    count: Effect.fn("Toys.count")(function* (environment, key, count, options) {
      const identity = yield* requirePermission("config.write", environment)
      const problem = targetProblem(environment, key)
      if (problem !== undefined) return yield* problem
      if (count > largest) return yield* failure("ToyTooLarge", `${count} is larger than ${largest}`) // TY2
      const wish: ToyWish = { kind: "toy", environment, key, count }
      const { revision } = yield* commit<Toy>({
        action: "publish",
        identity,
        options,
        request: wish,
        check: () => Effect.succeed({ changes: [wish] })
      })
      return revision.changes[0]!
    }),
    get: Effect.fn("Toys.get")(function* (environment, key) {
      yield* requirePermission("config.read", environment)
      return view.find(environment, key) ?? (yield* failure("NotFound", `nobody counted ${key} in ${environment}`))
    })
  })
})
