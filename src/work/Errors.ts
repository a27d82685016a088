/** Errors of heavy work that has no room. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  Busy: {
    code: "HRLD-3008",
    title: "Too much heavy work at once",
    cause:
      "Large values, schemas or comparisons are worked on by a few threads in turn, and the queue of this principal, or of all, is full.",
    fix: "Wait for the time in Retry-After, and send them one after the other.",
    grpc: 8,
    http: 429,
    exit: 7
  }
} satisfies ErrorRows
