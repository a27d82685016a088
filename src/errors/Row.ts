/**
 * Describes what a user is told of one kind of failure. Each capability has its rows in its own `Errors.ts`, by name.
 *
 * CLI exit codes: 1 unexpected · 2 usage · 3 refused by a rule · 4 not found · 5 conflict · 6 not allowed · 7 unavailable, try again.
 */
export interface ErrorRow {
  /** `HRLD-nnnn`. 1xxx bad input, 2xxx state, 3xxx access, 4xxx dependencies, 5xxx sessions, 9xxx defects. */
  readonly code: string
  readonly title: string
  readonly cause: string
  readonly fix: string
  /** https://grpc.io/docs/guides/status-codes/ */
  readonly grpc: number
  readonly http: number
  readonly exit: number
}

export type ErrorRows = Readonly<Record<string, ErrorRow>>
