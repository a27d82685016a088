/** Reads what a store has, in pages, into a view that is served once it is whole. */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { isNewer, sameEpoch } from "../propagation/Position.ts"
import type { NextView } from "../propagation/View.ts"
import type { StoreOf } from "./FlagStore.ts"
import type { Stored } from "./Stored.ts"

/** `put`: takes one in. `begin`: serves what was taken in. */
export interface Reading<C extends Stored> {
  readonly put: (one: C) => void
  readonly begin: () => void
}

export const readPages = <C extends Stored>(
  store: StoreOf<C>,
  open: () => Reading<C>
): Effect.Effect<NextView<C>, HeraldError> =>
  Effect.gen(function* () {
    const { put, begin } = open()
    let page = yield* store.page(undefined)
    const from = page.position
    let newest = from
    while (true) {
      for (const one of page.found) {
        put(one)
        const at = { epoch: from.epoch, revision: one.revision }
        if (isNewer(at, newest)) newest = at
      }
      if (page.next === undefined) break
      yield* Effect.yieldNow
      page = yield* store.page(page.next)
      if (!sameEpoch(page.position, from)) return yield* readPages(store, open)
    }
    return { from, newest, catchUp: put, begin }
  })
