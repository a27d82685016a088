/** What is said of the places where code names flags. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  ScansFull: {
    code: "HRLD-2033",
    title: "Too many repositories and branches tell where flags are",
    cause: "An environment keeps the places of 500 branches, of all repositories together.",
    fix: "Tell those of branches that are deployed, and take others away: DELETE /v1/refs with repository and branch.",
    grpc: 8,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
