/** The flags and the body of a change that is asked for: what publish, validate and edit send. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import { type Invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { segment } from "../../Http.ts"
import { readSchema, readValue } from "../../Input.ts"
import { nearKeys } from "../../Near.ts"
import { currentOf } from "./Before.ts"
import { type Before, validated } from "./Outcome.ts"

export const changeFlags = {
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

const force = yes("force", "Although a rollout has it: that one ends, in the same commit")
const breakGlass = optionalText(
  "break-glass",
  "Why it is changed at once though it asks for a rollout or a second person; kept with the message",
  "why"
)
/** What verbs that change something at once pass by. */
export const overFlags = { force, breakGlass }
/** Of flags, where --force says something else already. */
export const glassFlag = { breakGlass }

export interface ChangeInput {
  readonly key: string
  readonly value: string
  readonly type: string | undefined
  readonly schema: string | undefined
  readonly strict: boolean | undefined
  readonly expectedVersion: number | undefined
  readonly message?: string | undefined
}

/** The body of a publish: only what was given, so the server keeps the rest. */
export const bodyOf = Effect.fn("ChangeFlags.bodyOf")(function* (input: ChangeInput) {
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

/** Keys of a dry run whose present value is read. */
const READ = 20

/** The answer of a dry run, with old and new, and with what a new key may have been meant as. */
export const toldDryRun = Effect.fn("ChangeFlags.toldDryRun")(function* (
  here: Invocation,
  answer: Validated,
  breakGlass?: string
) {
  yield* toldValid(here, answer)
  yield* orSecondPerson(here, guardsOf([answer]), breakGlass)
})

const toldValid = Effect.fnUntraced(function* (here: Invocation, answer: Validated) {
  if (here.format !== "table") return yield* here.emit(answer, () => "")
  const before = new Map<number, Before>()
  for (const [at, { environment, key, difference }] of answer.changes.slice(0, READ).entries()) {
    const found = yield* currentOf(here, environment, key)
    // A patch is of something that is there, whatever was answered since.
    const isNew = found === "new" && difference.kind !== "json"
    const meant = isNew ? yield* nearKeys(here, environment, key) : []
    before.set(at, { isNew, meant, value: found === "new" ? undefined : found?.value })
  }
  yield* here.emit(answer, (paint) => validated(answer, paint, before))
})

export const tryOut = Effect.fn("ChangeFlags.tryOut")(function* (
  here: Invocation,
  environment: string,
  input: ChangeInput & { readonly breakGlass?: string | undefined }
) {
  const { body } = yield* here.call({
    method: "POST",
    path: `/v1/config/${segment(input.key)}/validate`,
    query: { environment },
    body: yield* bodyOf(input),
    readOnly: true
  })
  yield* toldDryRun(here, body as Validated, input.breakGlass)
})
