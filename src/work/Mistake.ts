/** Words what the author of a text is told when it is wrong, too slow or too large. */
import { Duration, Effect } from "effect"
import type { ErrorName } from "../errors/Catalogue.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Job, JobResult, Stage } from "./Job.ts"

export type Reading = Extract<JobResult, { readonly _tag: "Read" }>
/** Why the text can't be read as its type, where it breaks its schema, or why the schema can't be used (remote $ref, too slow …). */
export type Mistake = Extract<JobResult, { readonly _tag: "Unreadable" | "Violation" | "InvalidSchema" }>

const names = {
  Unreadable: "InvalidValue",
  Violation: "SchemaViolation",
  InvalidSchema: "InvalidSchema"
} as const satisfies Record<Mistake["_tag"], ErrorName>

export const reasonOf = (mistake: Mistake): string => {
  switch (mistake._tag) {
    case "Unreadable":
      return mistake.reason
    case "Violation":
      return `the value breaks its schema: ${mistake.message}`
    case "InvalidSchema":
      return mistake.message
  }
}

/** The error for the author of the text: with `said`, or the reason alone. `InvalidValue`, `SchemaViolation` or `InvalidSchema`. */
export const mistakeOf = (mistake: Mistake, said = reasonOf(mistake), details?: Record<string, unknown>): HeraldError =>
  failure(names[mistake._tag], said, {
    ...(mistake._tag === "Violation" || details !== undefined
      ? { details: { ...(mistake._tag === "Violation" ? { path: mistake.path } : {}), ...details } }
      : {})
  })

export const unusable = (message: string) => ({ _tag: "InvalidSchema", message }) as const

export const late = (job: Job, stage: Stage, limit: Duration.Input): Effect.Effect<JobResult, HeraldError> => {
  const within = Duration.format(Duration.fromInputUnsafe(limit))
  return stage === "schema"
    ? Effect.succeed(
        unusable(
          `the schema ${nameOf(job)} is too slow: no result for this value within ${within}; simplify its patterns`
        )
      )
    : Effect.fail(failure("Timeout", `to ${stage} it takes longer than ${within}; nothing was written`))
}

export const died = (job: Job, stage: Stage, reason: string): JobResult =>
  stage === "schema"
    ? unusable(`evaluating the schema ${nameOf(job)} ended its worker: ${reason}`)
    : { _tag: "Unreadable", reason: `to ${stage} it ended its worker: ${reason}` }

/** Names a schema to its author: by its $id or title, or else by its beginning. */
const nameOf = (job: Job): string => {
  const text = job.kind === "read" || job.kind === "check" ? (job.schema ?? "") : ""
  const { $id, title } = Object(JSON.parse(text)) as { $id?: unknown; title?: unknown }
  const name = typeof $id === "string" ? $id : typeof title === "string" ? title : text
  return name.length > 120 ? `${name.slice(0, 120).toWellFormed()}…` : name
}
