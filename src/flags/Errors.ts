/** What is said of flags. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidFlag: {
    code: "HRLD-1020",
    title: "The flag's definition can't be used",
    cause: "A part of it is missing, unknown or of the wrong type, or its rule can't be evaluated.",
    fix: "Correct what the message names, each with its place; `herald flag set … --dry-run` checks without writing.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  FlagNeeded: {
    code: "HRLD-2010",
    title: "Other flags need this one",
    cause: "A flag has this one as a prerequisite, with a variant that it would no longer have.",
    fix: "Change the flags that the message names first, or in the same release.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  FlagEvaluated: {
    code: "HRLD-2032",
    title: "Applications evaluate the flag",
    cause: "It was evaluated within the last day: without it, each of them gets its own default.",
    fix: "Take it out of the code that the message names, and wait for a day; or say --force, and with --message why.",
    grpc: 9,
    http: 409,
    exit: 3
  },
  FlagsFull: {
    code: "HRLD-2011",
    title: "The environment has too many flags",
    cause: "An environment may have 20,000 flags, whose definitions have 64 MiB together.",
    fix: "Archive flags that nobody needs: `herald flag archive <flag>`.",
    grpc: 8,
    http: 409,
    exit: 5
  },
  InvalidSegment: {
    code: "HRLD-1021",
    title: "The segment's definition can't be used",
    cause: "A part of it is missing, unknown or of the wrong type, or its rule can't be evaluated.",
    fix: "Correct what the message names, each with its place; `herald segment set … --dry-run` checks without writing.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  SegmentUsed: {
    code: "HRLD-2012",
    title: "Flags use this segment",
    cause: "A flag or another segment names it.",
    fix: "Change what the message names first, or in the same release.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  SegmentsFull: {
    code: "HRLD-2013",
    title: "The environment has too many segments",
    cause: "An environment may have 1,000 segments, whose definitions have 16 MiB together.",
    fix: "Archive segments that nobody needs: `herald segment archive <segment>`; put long lists of people into a list of ids.",
    grpc: 8,
    http: 409,
    exit: 5
  },
  FlagsBehind: {
    code: "HRLD-4012",
    title: "This node does not have that change yet",
    cause:
      "You were told of a change of flags by another node, and this one did not come to it within 5 s: it would have answered with older flags.",
    fix: "Ask again after Retry-After; while it lasts, `/readyz` of that node says what it waits for.",
    grpc: 14,
    http: 503,
    exit: 7
  }
} satisfies ErrorRows
