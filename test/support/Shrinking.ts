/** Makes a list that fails shorter for as long as it still fails. */
import { Effect } from "effect"

/**
 * Leaves out halves, quarters and so on down to single ones, until nothing can be left out any more; `fails` is asked at most `most` times. What it is given
 * fails.
 */
export const shrunk = Effect.fnUntraced(function* <A, E, R>(
  list: ReadonlyArray<A>,
  fails: (list: ReadonlyArray<A>) => Effect.Effect<boolean, E, R>,
  most = 500
) {
  let left = most
  let least = list
  for (let size = Math.ceil(list.length / 2); size >= 1; ) {
    const before = least.length
    for (let at = 0; at < least.length && left > 0; ) {
      const without = [...least.slice(0, at), ...least.slice(at + size)]
      left--
      if (yield* fails(without)) least = without
      else at += size
    }
    // What failed because of something that is gone now may go, too.
    if (size > 1) size = Math.ceil(size / 2)
    else if (least.length === before || left <= 0) break
  }
  return least
})
