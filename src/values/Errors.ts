/** Errors of values. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidValue: {
    code: "HRLD-1003",
    title: "The value does not fit its type",
    cause: "The value can't be read as the type it was declared with.",
    fix: "Correct the value or give another --type.",
    grpc: 3,
    http: 422,
    exit: 3
  }
} satisfies ErrorRows
