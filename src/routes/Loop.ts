/**
 * Finds ways by which an event would come back to where it was. Pure.
 *
 *   ZB1  No rules lead from a topic back to itself, whatever their conditions are and whether they are enabled or not: a rule that would close
 *        such a way is refused.
 */
import type { Route } from "./Route.ts"
import { covers } from "./Source.ts"

type Edge = Pick<Route, "name" | "source" | "target">

/** The rules that an event goes through until it is at `one` again, beginning with it; undefined: it never is. `others`: without it. ZB1 */
export const loopOf = (others: ReadonlyArray<Edge>, one: Edge): ReadonlyArray<string> | undefined => {
  /** Rules that an event of `one` goes through, each with the one before. */
  const ways: Array<{ readonly at: Edge; readonly before: number }> = [{ at: one, before: -1 }]
  const seen = new Set<string>()
  const left = new Set(others)
  for (let next = 0; next < ways.length; next++) {
    const { target } = ways[next]!.at
    if (covers(one.source, target)) {
      const through: Array<string> = []
      for (let at = next; at >= 0; at = ways[at]!.before) through.unshift(ways[at]!.at.name)
      return through
    }
    if (seen.has(target)) continue
    seen.add(target)
    for (const at of left)
      if (covers(at.source, target)) {
        left.delete(at)
        ways.push({ at, before: next })
      }
  }
  return undefined
}
