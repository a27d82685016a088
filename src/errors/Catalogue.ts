/**
 * Lists every error that Herald shows to a user: one row, one stable code. The rows stand beside their capability, in its `Errors.ts`; `Rows.ts`
 * lists those files.
 *
 *   E1  A code is never reused and never changes its meaning.
 *   E2  gRPC status, HTTP status and CLI exit code come from these rows and nowhere else.
 *   E3  A name is for those who are told: behind the doors nothing is decided by it. What callers must tell apart is a value, or a kind
 *       of error of its own.
 */
import type { ErrorRow, ErrorRows } from "./Row.ts"
import { rows } from "./Rows.ts"

export const catalogue = rows satisfies ErrorRows

export type ErrorName = keyof typeof catalogue

export interface NamedRow extends ErrorRow {
  readonly name: ErrorName
}

/** All rows, in the order of their codes. */
export const inOrder: ReadonlyArray<NamedRow> = Object.entries(catalogue)
  .map(([name, row]) => ({ ...row, name: name as ErrorName }))
  .sort((a, b) => (a.code < b.code ? -1 : 1))

/** The row of a code, in capitals or not; undefined when there is no such code. */
export const byCode = (code: string): NamedRow | undefined =>
  inOrder.find((row) => row.code.toLowerCase() === code.toLowerCase())
