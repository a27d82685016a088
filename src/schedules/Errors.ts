/** What is said of scheduled changes. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  ScheduleTime: {
    code: "HRLD-1030",
    title: "Nothing can be scheduled for that time",
    cause: "It is no time, has no offset, is over by the clock of the database, or is more than 400 days ahead.",
    fix: "Say a time with its offset, such as 2026-12-01T09:00:00+01:00, or how long from now: +2h.",
    grpc: 3,
    http: 422,
    exit: 2
  },
  ScheduleOver: {
    code: "HRLD-2030",
    title: "The scheduled change is no longer pending",
    cause: "It was made, cancelled, refused or missed meanwhile, or it is just being made.",
    fix: "See what became of it: `herald schedule show <id>`; schedule the change anew if it is still wanted.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  SchedulesFull: {
    code: "HRLD-2031",
    title: "Too much is scheduled",
    cause: "An environment may have 1,000 scheduled changes with 64 MiB together, and a principal 500.",
    fix: "Cancel what nobody needs (`herald schedule list`, `herald schedule cancel <id>`), or put changes of one time into one release.",
    grpc: 8,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
