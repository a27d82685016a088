/**
 * A second kind of change, for tests of everything that knows no kind: the example of CONTRIBUTING.md (test/example), in a node's propagation
 * and with a view that fails when a test wants it.
 */
import { Context, Effect, Layer } from "effect"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { type ToyWish, toyKind } from "../example/src/toys/Toy.ts"
import { ToyView } from "../example/src/toys/ToyView.ts"

export { layer as memoryToys } from "../example/layers/Memory/toys/ToyStore.ts"
export { type ToyWish, toyKind } from "../example/src/toys/Toy.ts"
export { ToyStore } from "../example/src/toys/ToyStore.ts"
export { toyUpdates } from "../example/src/toys/ToyUpdates.ts"
export { ToyView } from "../example/src/toys/ToyView.ts"

export const toy = (key: string, count: number): ToyWish => ({ kind: "toy", environment: "production", key, count })

/** What a log with both kinds may hold. */
export const kinds = Kinds.layer(configurationKind, toyKind)

/** What the view was told, and how often it throws from now on. */
export class ToyTold extends Context.Service<
  ToyTold,
  { throws: number; forgotten: bigint; readonly committed: Array<bigint> }
>()("test/ToyTold") {}

const watched = Layer.effect(
  ToyView,
  Effect.gen(function* () {
    const view = yield* ToyView
    const told = yield* ToyTold
    const mayThrow = (why: string) => {
      if (told.throws-- > 0) throw new Error(why)
    }
    return ToyView.of({
      ...view,
      apply: (change, at) => {
        mayThrow("no room for toys")
        view.apply(change, at)
      },
      committed: (_, { revision }) => {
        mayThrow("nobody listens to toys")
        told.committed.push(revision)
      },
      forget: (horizon) => {
        told.forgotten = horizon
      }
    })
  })
).pipe(
  Layer.provide(ToyView.layer),
  Layer.provideMerge(Layer.sync(ToyTold, () => ({ throws: 0, forgotten: 0n, committed: [] })))
)

/** A node's propagation with both kinds. */
export const propagation = Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" }).pipe(
  Layer.provide([Views.layer(ConfigurationView, ToyView), kinds]),
  Layer.provideMerge(Layer.merge(ConfigurationView.layer, watched))
)
