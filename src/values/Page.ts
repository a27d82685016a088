/**
 * Pages that are bounded in bytes. Pure.
 *
 *   PB1  A page ends before it has more than `limits.page` bytes and a row, and has a row at least; who wants more goes on after its last.
 */
import { limits } from "../configuration/Configuration.ts"

/** The first rows, at most `limit`. */
export const pageOf = <A>(rows: Iterable<A>, limit: number, bytesOf: (row: A) => number): ReadonlyArray<A> => {
  const page: Array<A> = []
  let bytes = 0
  for (const row of rows) {
    if (page.length >= limit || bytes >= limits.page) break
    page.push(row)
    bytes += bytesOf(row)
  }
  return page
}
