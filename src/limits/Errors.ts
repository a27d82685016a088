/** What is said of quotas. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  EnvironmentFull: {
    code: "HRLD-3113",
    title: "The environment is full",
    cause:
      "It would hold more keys (configurations, flags, segments), or more bytes of them, than its quota allows. The message says which.",
    fix: "Delete or archive what nobody needs, which always works (`herald limits show`); or have whoever runs the server raise LIMIT_KEYS_PER_ENVIRONMENT or LIMIT_BYTES_PER_ENVIRONMENT, or the quota of this environment in HERALD_LIMITS.",
    grpc: 8,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
