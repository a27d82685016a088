/**
 * Gives those who read a topic filters of its schema as it is now.
 *
 *   BX42 It is done filter by filter, with turns for others between two readers, and each has what it had until it has the new one: of the old and the new
 *        ones together no more is held than of either, and `MOVED` bytes and one filter. Who comes meanwhile waits.
 *        It is done in the order in which they came, and no bound ends who was in: a filter stands by the variables by which it stood.
 */
import type { HeraldError } from "../errors/HeraldError.ts"
import type { HeldSelection, Selections, Wish } from "./Selections.ts"

/** Bytes of filters that are put in place together. BX42 */
export const MOVED = 1_048_576
/** Readers, but for those with the same filter. */
const AT_ONCE = 256

export interface Holding {
  readonly wish: Wish
  selections: Selections
}

export type Anew<A> = readonly [A, HeldSelection | HeraldError]

/** Holds anew as much as is to be put in place together; nothing: all is done. `left`, as `byFilter` gives it, gets shorter. BX42 */
export function* heldAnew<A extends Holding>(
  left: Array<ReadonlyArray<A>>,
  selections: Selections
): Generator<void, ReadonlyArray<Anew<A>>> {
  const before = selections.bytes
  const made: Array<Anew<A>> = []
  while (made.length < AT_ONCE && selections.bytes - before < MOVED) {
    const its = left.pop()
    if (its === undefined) break
    for (const one of its) {
      yield
      if (one.selections !== selections) made.push([one, selections.hold(one.wish, true)])
    }
  }
  return made
}

/** Those with the same filter together: the old one is given up once nobody holds it. `all`: as they came; whose filter came first is the last. BX42 */
export const byFilter = <A extends Holding>(all: Iterable<A>): Array<ReadonlyArray<A>> =>
  [...Map.groupBy(all, ({ wish }) => wish.filter).values()].reverse()
