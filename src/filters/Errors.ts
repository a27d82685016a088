/** What is said of filters. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidFilter: {
    code: "HRLD-1075",
    title: "The filter can't be used",
    cause: "It can't be read, names what is not there, compares what can't be compared, or would cost too much.",
    fix: "Correct what the message names, with its line and column. What a filter may say: docs/filters.md.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  TooManyFilters: {
    code: "HRLD-2079",
    title: "The topic has as many filters as it can look at",
    cause: "Readers of this topic on this node have that many different filters, or that many without an equality.",
    fix: 'Begin the filter with an equality, as in `symbol == "X" && …`, share filters among readers, or filter where they are read.',
    grpc: 8,
    http: 429,
    exit: 7
  }
} satisfies ErrorRows
