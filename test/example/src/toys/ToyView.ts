/** What a node knows of the counts: all of them, for they are few. */
import { Context, Effect, Layer } from "effect"
import type { View } from "../propagation/View.ts"
import type { Toy } from "./Toy.ts"
import { ToyStore } from "./ToyStore.ts"

export class ToyView extends Context.Service<
  ToyView,
  View<Toy> & {
    /** Undefined: nobody counted there. */
    readonly find: (environment: string, key: string) => Toy | undefined
    readonly all: () => Iterable<Toy>
  }
>()("herald/toys/ToyView") {
  static readonly layer = Layer.effect(
    ToyView,
    Effect.map(ToyStore, (store) => {
      let served = new Map<string, Toy>()
      return ToyView.of({
        kind: "toy",
        read: Effect.map(store.all, ({ at, toys }) => {
          const next = new Map(toys.map((toy) => [idOf(toy.environment, toy.key), toy]))
          return {
            from: at,
            newest: at,
            catchUp: (toy) => {
              const id = idOf(toy.environment, toy.key)
              if ((next.get(id)?.revision ?? 0n) < toy.revision) next.set(id, toy)
            },
            begin: () => {
              served = next
            }
          }
        }),
        apply: (toy) => void served.set(idOf(toy.environment, toy.key), toy),
        committed: () => {},
        forget: () => {},
        find: (environment, key) => served.get(idOf(environment, key)),
        all: () => served.values()
      })
    })
  )
}

const idOf = (environment: string, key: string): string => `${environment}/${key}`
