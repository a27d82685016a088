/** What is said of configurations and releases. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  SchemaViolation: {
    code: "HRLD-1004",
    title: "The value breaks the key's JSON Schema",
    cause: "The key has a JSON Schema and the value does not satisfy it.",
    fix: "Correct the value at the path that the message names, or publish a new schema with it.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  InvalidSchema: {
    code: "HRLD-1005",
    title: "The JSON Schema can't be used",
    cause: "It is not a valid 2020-12 schema, has a remote $ref, or takes too long to evaluate.",
    fix: "Make the schema self-contained and its patterns simple.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  TemplateError: {
    code: "HRLD-1006",
    title: "The template can't be rendered",
    cause: "A {{variable}} is missing in the environment's variables or in a connected client's metadata.",
    fix: "Define it in the key `herald.variables` of the environment, or add the label to the clients that the message names.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  TooLarge: {
    code: "HRLD-1007",
    title: "The value is too large",
    cause: "A value may have at most 1 MiB, a release at most 4 MiB and 500 changes.",
    fix: "Split the value, or keep large content elsewhere and refer to it.",
    grpc: 3,
    http: 413,
    exit: 3
  },
  VersionConflict: {
    code: "HRLD-2002",
    title: "Someone else changed it first",
    cause: "The current version is not the one that you expected.",
    fix: "Read the current version, merge, and publish again with its number.",
    grpc: 9,
    http: 412,
    exit: 5
  },
  IdempotencyConflict: {
    code: "HRLD-2003",
    title: "The idempotency key was used for another request",
    cause: "The same Idempotency-Key came with a different body.",
    fix: "Use a new key for a new request.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  StaleRead: {
    code: "HRLD-2004",
    title: "The key refuses a stale read",
    cause: "The key is marked strict and the server can't confirm with its database that it holds the newest version.",
    fix: "Try again when the database is back (`/readyz`).",
    grpc: 14,
    http: 503,
    exit: 7
  },
  NothingChanged: {
    code: "HRLD-2005",
    title: "Nothing would change",
    cause: "The release has no change.",
    fix: "Add at least one change.",
    grpc: 3,
    http: 400,
    exit: 2
  }
} satisfies ErrorRows
