/** What is said to readers of topics. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  SlowReader: {
    code: "HRLD-5040",
    title: "The reader was slower than the topic",
    cause:
      "It asked to be sent away when that happens (OVERFLOW_DISCONNECT), and more waited for it than a node keeps in memory.",
    fix: "Resume behind the last event that came, and read faster; or ask for another overflow: conflate, drop oldest, block.",
    grpc: 8,
    http: 429,
    exit: 7
  }
} satisfies ErrorRows
