/** Renders templates as the connected clients would get them, before anything is committed (F1). */
import { Effect, Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { ValueType } from "./Configuration.ts"
import { VARIABLES_KEY } from "./Configuration.ts"
import type { ClientView } from "./Rendering.ts"
import type { SchemaValidator } from "./SchemaValidator.ts"
import { isClientName, lookup, malformedIn, namesIn, substitute, type Variables } from "./Template.ts"
import { parse } from "./Value.ts"

export interface Candidate {
  readonly key: string
  readonly environment: string
  readonly value: string
  readonly valueType: ValueType
  readonly schema: unknown | null
}

/** Clients rendered between two looks at other work. */
const SLICE = 128

const NOBODY: ClientView = { environment: "", service: "", instance: "", labels: {} }

export const dryRun = Effect.fn("Configurations.dryRun")(function* (
  candidate: Candidate,
  variables: Variables,
  clients: ReadonlyArray<ClientView>,
  validator: SchemaValidator["Service"]
): Effect.fn.Return<void, HeraldError> {
  const { key, environment, value, valueType, schema } = candidate
  const malformed = malformedIn(value)
  if (malformed !== undefined) return yield* failure("TemplateError", `${key} in ${environment}: ${malformed}`)

  const names = namesIn(value)
  const undefinedNames = names.filter((name) => !isClientName(name) && !Object.hasOwn(variables, name))
  if (undefinedNames.length > 0) {
    return yield* failure(
      "TemplateError",
      `${key} in ${environment} uses ${list(undefinedNames)}, which ${VARIABLES_KEY} of ${environment} does not define`,
      { details: { key, environment, missing: undefinedNames } }
    )
  }

  const checked = new Set<string>()
  /** Reads a rendered text as its type, and with its schema; each text once. */
  const check = Effect.fnUntraced(function* (text: string, who: string, probe: boolean) {
    if (checked.has(text)) return
    checked.add(text)
    const read = parse(valueType, text)
    if (Result.isFailure(read)) {
      return yield* failure("TemplateError", `${key} in ${environment}, rendered for ${who}: ${read.failure}`, {
        details: { key, environment }
      })
    }
    if (schema === null) return
    yield* validator.validate(schema, read.success).pipe(
      Effect.catch((error) =>
        error.name !== "SchemaViolation"
          ? Effect.fail(error)
          : probe
            ? Effect.void
            : Effect.fail(
                failure("SchemaViolation", `${key} in ${environment}, rendered for ${who}: ${error.message}`, {
                  details: { ...error.details, key, environment }
                })
              )
      )
    )
  })

  // With no client connected the shape is still checked: a stand-in takes the place of what only a client knows.
  const standIn = valueType === "boolean" ? "true" : "0"
  const probe = substitute(value, valueType, (name) => (isClientName(name) ? standIn : lookup(name, variables, NOBODY)))
  if (Result.isFailure(probe)) {
    return yield* failure("TemplateError", `${key} in ${environment} can't be rendered: ${list(probe.failure)}`)
  }
  const perClient = names.some(isClientName)
  yield* check(probe.success, perClient ? "a client" : "every client", perClient)
  if (!perClient) return

  for (const [index, client] of clients.entries()) {
    if (index % SLICE === SLICE - 1) yield* Effect.yieldNow
    const rendered = substitute(value, valueType, (name) => lookup(name, variables, client))
    const who = `the connected client ${client.service}/${client.instance}`
    if (Result.isFailure(rendered)) {
      return yield* failure(
        "TemplateError",
        `${key} in ${environment} can't be rendered for ${who}: it has no ${list(rendered.failure)}`,
        { details: { key, environment, client: `${client.service}/${client.instance}`, missing: rendered.failure } }
      )
    }
    yield* check(rendered.success, who, false)
  }
})

const list = (names: ReadonlyArray<string>): string =>
  names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ")
