/** What is said of keys and patterns. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidKey: {
    code: "HRLD-1002",
    title: "The key or pattern is not valid",
    cause: "Keys are 1 to 256 letters, digits and . _ - / : characters; a pattern is a key or ends in `.*`.",
    fix: "Correct the key or the pattern that the message names.",
    grpc: 3,
    http: 400,
    exit: 2
  }
} satisfies ErrorRows
