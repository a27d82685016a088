/** Writes rows of the error catalogue as JSON. */
import { Schema } from "effect"

/** One row of the error catalogue. */
export const ErrorRow = Schema.Struct({
  code: Schema.String,
  name: Schema.String,
  title: Schema.String,
  cause: Schema.String,
  fix: Schema.String,
  grpc: Schema.Int,
  http: Schema.Int,
  exit: Schema.Int
}).annotate({ identifier: "ErrorRow" })
