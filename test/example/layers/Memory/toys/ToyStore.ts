/** ToyStore over a `State`, and the table that commits write. */
import { Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { Change } from "../../../src/propagation/Revision.ts"
import type { Toy, ToyWish } from "../../../src/toys/Toy.ts"
import { ToyStore } from "../../../src/toys/ToyStore.ts"
import { KindTables } from "../commits/KindTables.ts"
import { State } from "../State.ts"

class ToyTables {
  /** Every count that was ever written, in the order of revisions. */
  readonly toys: Array<Toy> = []
}

type Of = Pick<Change, "environment" | "key">

export const layer = Layer.effect(
  ToyStore,
  Effect.map(State.service, (state) => {
    const { toys } = state.tables(ToyTables)
    const current = ({ environment, key }: Of) =>
      toys.findLast((toy) => toy.environment === environment && toy.key === key)
    state.tables(KindTables).kinds.set("toy", {
      problem: (wish) =>
        (wish as ToyWish).count > (current(wish)?.count ?? 0)
          ? undefined
          : failure("VersionConflict", `the count of ${wish.key} only grows`), // TY1
      write: (wish, { revision }) => {
        const { environment, key, count } = wish as ToyWish
        const toy: Toy = { kind: "toy", environment, key, revision, count }
        toys.push(toy)
        return toy
      },
      at: ({ environment, key }, revision) =>
        toys.find((toy) => toy.environment === environment && toy.key === key && toy.revision === revision),
      sweep: (horizon) => toys.filter(({ revision }) => revision <= horizon).length
    })
    return ToyStore.of({
      all: Effect.sync(() => ({
        at: { epoch: state.epoch, revision: state.head },
        toys: [...new Map(toys.map((toy) => [`${toy.environment}/${toy.key}`, toy])).values()]
      }))
    })
  })
)
