/** What is said of counts. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  ToyTooLarge: {
    code: "HRLD-1999",
    title: "The count is too large",
    cause: "The setting `toys.largest` is less than the count that was asked for.",
    fix: "Count less, or set TOYS_LARGEST to more on every node.",
    grpc: 3,
    http: 422,
    exit: 3
  }
} satisfies ErrorRows
