/** What is wrong with a filter, and where. Pure. */

export interface FilterProblem {
  /** A sentence without its stop, with line and column. */
  readonly message: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
}

/** Ends the reading of a filter; never leaves this room. */
export class Refused extends Error {
  readonly at: number

  /** `at`: where in the text, from 0. */
  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

export const problemAt = (text: string, at: number, message: string): FilterProblem => {
  const before = text.slice(0, Math.max(0, at))
  const line = before.split("\n").length
  const column = before.length - before.lastIndexOf("\n")
  return { message: `line ${line}, column ${column}: ${message}`, line, column }
}
