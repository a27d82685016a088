/** The one public error: a row of the catalogue, what happened this time, and details for machines. See decision 0003. */
import { Schema } from "effect"
import { catalogue, type ErrorName } from "./Catalogue.ts"
import type { ErrorRow } from "./Row.ts"

export class HeraldError extends Schema.TaggedError<HeraldError>()("HeraldError", {
  name: Schema.Literals(Object.keys(catalogue) as [ErrorName, ...Array<ErrorName>]),
  /** What happened, with the names and numbers of this case. */
  message: Schema.String,
  details: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  get row(): ErrorRow {
    return catalogue[this.name as ErrorName]
  }
  get code(): string {
    return this.row.code
  }
  /** The request was refused for what it asks, and would be again. False: this side could not do it. */
  get refused(): boolean {
    return this.row.http < 500
  }
  /** Nobody refused it: the database, or whoever else should have answered, was away or late, and may be asked the same again. */
  get unanswered(): boolean {
    return this.row === catalogue.DatabaseUnavailable || this.row === catalogue.Timeout
  }
  /** A store or a log is away, late, or takes nothing of anybody for now: what was asked of it is kept, and asked again. */
  get away(): boolean {
    return AWAY.has(this.name as ErrorName)
  }
  /** The answer was lost: what was asked for may have been done, or may not. */
  get unknown(): boolean {
    return this.row === catalogue.OutcomeUnknown
  }
}

const AWAY: ReadonlySet<ErrorName> = new Set([
  ...(["DatabaseUnavailable", "DatabaseReadOnly", "Timeout", "TopicLogUnavailable", "TopicLogBusy"] as const)
])

/** The same error, as it is told where more is known. Its cause stays unless another is given. */
export const reworded = (
  { name, details, cause: was }: HeraldError,
  message: string,
  cause: unknown = was
): HeraldError =>
  new HeraldError({
    name,
    message,
    ...(details === undefined ? {} : { details }),
    ...(cause === undefined ? {} : { cause })
  })

/** `yield* failure("NotFound", "no key a.b in production")`. Whoever may not is refused by a rule: access/Refusal.ts. */
export const failure = (
  name: Exclude<ErrorName, "Forbidden">,
  message: string,
  options?: { readonly details?: Record<string, unknown>; readonly cause?: unknown }
): HeraldError => new HeraldError({ name, message, ...options })
