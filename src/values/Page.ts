/**
 * Bounds pages in bytes. Pure.
 *
 *   PB1  A page ends before it has more than 2 MiB and a row, and has a row at least; who wants more goes on after its last.
 */

/** Bytes of values, schemas and messages in one page of anything that is listed. PB1 */
export const PAGE_BYTES = 2_097_152

/** The first rows, at most `limit`. */
export const pageOf = <A>(rows: Iterable<A>, limit: number, bytesOf: (row: A) => number): ReadonlyArray<A> => {
  const page: Array<A> = []
  let bytes = 0
  for (const row of rows) {
    if (page.length >= limit || bytes >= PAGE_BYTES) break
    page.push(row)
    bytes += bytesOf(row)
  }
  return page
}

/**
 * Whether there may be more behind a page that a store gave: it has all rows that were asked for, or may have ended for its bytes, which the store
 * counted and this guesses low, by what rows take in memory. Once too often costs a question more. PB1
 */
export const mayGoOn = <A>(page: ReadonlyArray<A>, limit: number, bytesOf: (row: A) => number): boolean =>
  page.length >= limit || page.reduce((sum, row) => sum + bytesOf(row), 0) >= PAGE_BYTES / 8
