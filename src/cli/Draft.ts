/** What publish, validate and release have in common: flags that describe a wish, and how a result is told. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Published, Released, Validated } from "../edge/http/configuration/Wire.ts"
import { printable } from "../text/Printable.ts"
import { showDifference } from "./DiffView.ts"
import { optionalInt, optionalText, type Session } from "./Globals.ts"
import { segment } from "./Http.ts"
import { readSchema, readValue } from "./Input.ts"
import type { Paint } from "./Paint.ts"

export const draftFlags = {
  type: Flag.Literals("type", ["string", "json", "number", "boolean", "yaml"]).pipe(
    Flag.withDescription("Type of the value; otherwise the current version's, string for a new key"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  ),
  schema: optionalText("schema", "JSON Schema for the key: @file, JSON text, or none to remove it", "schema"),
  strict: Flag.Boolean("strict").pipe(
    Flag.withDescription("Refuse stale reads of this key (--no-strict allows them again)"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  ),
  expectedVersion: optionalInt("expected-version", "Fail unless this is the current version; 0: the key is new", "n")
}

export interface DraftInput {
  readonly key: string
  readonly value: string
  readonly type: string | undefined
  readonly schema: string | undefined
  readonly strict: boolean | undefined
  readonly expectedVersion: number | undefined
  readonly message?: string | undefined
}

/** The body of a publish: only what was given, so the server keeps the rest. */
export const bodyOf = Effect.fn("Draft.bodyOf")(function* (input: DraftInput) {
  const value = yield* readValue(input.value)
  const schema = yield* readSchema(input.schema)
  return {
    value,
    ...(input.type === undefined ? {} : { type: input.type }),
    ...(schema === undefined ? {} : { schema }),
    ...(input.strict === undefined ? {} : { strict: input.strict }),
    ...(input.expectedVersion === undefined ? {} : { expectedVersion: input.expectedVersion }),
    ...(input.message === undefined ? {} : { message: input.message })
  }
})

export const validated = (answer: Validated, paint: Paint): string =>
  [
    `${paint.green("valid")}, nothing was written`,
    ...answer.changes.map(
      (change) =>
        `${paint.bold(printable(change.key))} in ${printable(change.environment)}, ` +
        `${change.clients} connected ${change.clients === 1 ? "client" : "clients"} would get it\n` +
        showDifference(change.difference, paint)
    )
  ].join("\n")

export const tryOut = Effect.fn("Draft.tryOut")(function* (session: Session, environment: string, input: DraftInput) {
  const { body } = yield* session.call({
    method: "POST",
    path: `/v1/config/${segment(input.key)}/validate`,
    query: { environment },
    body: yield* bodyOf(input),
    readOnly: true
  })
  yield* session.emit(body, (paint) => validated(body as Validated, paint))
})

const replayedNote = (replayed: boolean, paint: Paint): string =>
  replayed ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}` : ""

export const committed = (verb: string, answer: Published, paint: Paint): string =>
  `${paint.green(verb)} ${paint.bold(printable(answer.key))} version ${answer.version} ` +
  `in ${printable(answer.environment)} (revision ${answer.revision})${replayedNote(answer.replayed, paint)}`

export const released = (answer: Released, paint: Paint): string =>
  [
    `${paint.green("released")} ${answer.changes.length} ${answer.changes.length === 1 ? "change" : "changes"} ` +
      `as revision ${answer.revision}`,
    ...answer.changes.map(
      (change) =>
        `  ${change.deleted ? paint.red("deleted  ") : paint.green("published")} ${printable(change.key)} ` +
        `version ${change.version} in ${printable(change.environment)}`
    )
  ].join("\n") + replayedNote(answer.replayed, paint)
