/** What every store of unused tickets does. UO1, UO2 */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { OpenTickets } from "../../src/access/OpenTickets.ts"
import { fresh } from "./SharedCache.ts"

export const openTicketsContract = (
  test: (name: string, body: () => Effect.Effect<void>) => void,
  node: () => Layer.Layer<never>
) => {
  const store = Effect.map(
    Effect.suspend(() => Layer.build(Layer.fresh(node()))),
    (built) => Context.get(built, OpenTickets)!
  )

  test("UO1 a ticket that was put is taken once, however many ask at once; one that was not, never", () =>
    Effect.gen(function* () {
      const { put, take } = yield* store
      const id = fresh("ticket")
      assert.isFalse(yield* take(id))
      assert.isTrue(yield* put(id, 30_000))
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => take(id)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter((taken) => taken === true).length, 1)
      assert.isFalse(yield* take(id))
    }).pipe(Effect.scoped))

  test("UO1 it is not taken after its time", () =>
    Effect.gen(function* () {
      const { put, take } = yield* store
      const id = fresh("late")
      yield* put(id, 20)
      yield* Effect.sleep(60)
      assert.isFalse(yield* take(id))
    }).pipe(Effect.scoped))
}
