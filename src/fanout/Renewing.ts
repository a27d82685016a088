/**
 * Gives those who read a topic filters of its schema as it is now.
 *
 *   BX42 It is done filter by filter, with turns for others between two readers, and each has what it had until it has the new one: of the old and the new
 *        ones together no more is held than of either, and `MOVED` bytes and one filter. Who comes meanwhile waits.
 *        It is done in the order in which they came, and no bound ends who was in: a filter stands by the variables by which it stood.
 *        In the one step in which nobody is sent anything a group of readers costs as much as one reader.
 */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { Group } from "./Group.ts"
import type { Hall } from "./Hall.ts"
import type { Open } from "./Halls.ts"
import type { Reader } from "./Reader.ts"
import type { HeldSelection, Selections, Wish } from "./Selections.ts"

/** Bytes of filters that are put in place together. BX42 */
export const MOVED = 1_048_576
/** Readers, but for those with the same filter. */
export const AT_ONCE = 256

export interface Holding {
  readonly wish: Wish
  selections: Selections
}

/** A reader of a topic, and what it holds. */
export interface Renewable extends Holding {
  readonly reader: Reader
  readonly hall: Hall
  selected: HeldSelection
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
export function* byFilter<A extends Holding>(all: Iterable<A>): Generator<void, Array<ReadonlyArray<A>>> {
  const of = new Map<string, Array<A>>()
  for (const one of all) {
    yield
    const its = of.get(one.wish.filter)
    if (its === undefined) of.set(one.wish.filter, [one])
    else its.push(one)
  }
  return [...of.values()].reverse()
}

function* readersOf<A extends Renewable>(all: Iterable<A>, hall: Hall): Generator<void, ReadonlyArray<A>> {
  const found: Array<A> = []
  for (const one of all) {
    yield
    if (one.hall === hall) found.push(one)
  }
  return found
}

/** One reader of each group, and what the group wants from now on. */
function* ofGroups<A extends Renewable>(made: ReadonlyArray<Anew<A>>) {
  const of = new Map<Group, readonly [Reader, HeldSelection]>()
  for (const [{ reader }, anew] of made) {
    yield
    if (!(anew instanceof Error) && !of.has(reader.group)) of.set(reader.group, [reader, anew])
  }
  return [...of.values()]
}

export interface Renewing<A extends Renewable> {
  /** Those that read, as they came. */
  readonly all: () => Iterable<A>
  /** It is one of them still. */
  readonly isHere: (one: A) => boolean
  /** Ends a reader, which gives up what it holds. */
  readonly end: (reader: Reader, error: HeraldError) => void
}

/** All who read the topic hold what its schema says now. BX39, BX42 */
export const renewing = <A extends Renewable>({ all, isHere, end }: Renewing<A>) =>
  Effect.fnUntraced(function* ({ hall, selections }: Open) {
    const { broadcast } = hall
    /** What was held before is given up. Who left meanwhile has given that up, and takes nothing. */
    const settled = function* (made: ReadonlyArray<Anew<A>>): Generator<void, void> {
      for (const [its, anew] of made) {
        yield
        if (!isHere(its)) {
          if (!(anew instanceof Error)) anew.release()
        } else if (anew instanceof Error) end(its.reader, anew)
        else {
          its.selected.release()
          its.selections = selections
          its.selected = anew
        }
      }
    }
    const left = yield* lookingSlices.through(function* () {
      return yield* byFilter(yield* readersOf(all(), hall))
    })
    while (left.length > 0) {
      const made = yield* lookingSlices.through(() => heldAnew(left, selections))
      const groups = yield* lookingSlices.through(() => ofGroups(made))
      yield* Effect.callback<void>((resume) => {
        broadcast.between(() => {
          for (const [reader, { selection }] of groups) broadcast.reselect(reader, selection)
          resume(Effect.void)
        })
      })
      yield* lookingSlices.through(() => settled(made))
    }
  })
