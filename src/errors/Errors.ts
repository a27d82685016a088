/** Errors that any capability and any store may give. */
import type { ErrorRows } from "./Row.ts"

export const errors = {
  InvalidInput: {
    code: "HRLD-1001",
    title: "The request is malformed",
    cause: "A field is missing, has the wrong type or breaks a limit.",
    fix: "Correct the field that the message names.",
    grpc: 3,
    http: 400,
    exit: 2
  },
  NotFound: {
    code: "HRLD-2001",
    title: "No such thing",
    cause: "The key, version, client or API key does not exist in this environment.",
    fix: "List what exists: `herald list --env …`, or `herald flag list`, `herald segment list`, whatever it is of.",
    grpc: 5,
    http: 404,
    exit: 4
  },
  DatabaseUnavailable: {
    code: "HRLD-4001",
    title: "The database does not answer",
    cause: "PostgreSQL is down, restarting or out of connections.",
    fix: "Try again; a write with the same Idempotency-Key is not done twice.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  DatabaseReadOnly: {
    code: "HRLD-4002",
    title: "The database can't be written",
    cause: "PostgreSQL is read-only or its disk is full.",
    fix: "Free disk space or promote a primary; reads and streams go on meanwhile.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  DatabaseNewer: {
    code: "HRLD-4003",
    title: "The database is newer than this server",
    cause: "It was migrated by a later version of Herald.",
    fix: "Start that version; migrations only go forward.",
    grpc: 9,
    http: 503,
    exit: 7
  },
  EmbeddedUnusable: {
    code: "HRLD-4011",
    title: "The embedded PostgreSQL can't run",
    cause:
      "Its files are not there or not whole, it can't keep its data in the data folder, or it ends as soon as it starts.",
    fix: "Do what the message says, or set DATABASE_URL to a PostgreSQL of your own.",
    grpc: 9,
    http: 500,
    exit: 2
  },
  Timeout: {
    code: "HRLD-4004",
    title: "It took too long",
    cause: "The operation exceeded its time limit.",
    fix: "Try again with the same Idempotency-Key.",
    grpc: 4,
    http: 504,
    exit: 7
  },
  OutcomeUnknown: {
    code: "HRLD-4006",
    title: "It is not known whether this was committed",
    cause:
      "The connection to PostgreSQL was lost at the moment of the commit, and it did not answer again in time. What is not committed by now never will be.",
    fix: "Try again with the same Idempotency-Key, which writes nothing twice. Without one, read the key once it is no longer stale, then decide.",
    grpc: 4,
    http: 504,
    exit: 7
  },
  Internal: {
    code: "HRLD-9001",
    title: "A defect in Herald",
    cause: "Something happened that should be impossible.",
    fix: "Report it with the trace id.",
    grpc: 13,
    http: 500,
    exit: 1
  }
} satisfies ErrorRows
