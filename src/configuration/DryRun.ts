/**
 * Renders templates as the connected clients would get them, before anything is committed (F1).
 *
 *   DR1  Clients that would get the same text are one: it is rendered, read and checked once, and not kept.
 *   DR2  The first client that can't have it, in the order in which they were given, is the one that is named.
 *   DR3  Between two renderings others have their turn, and a publisher who leaves ends it.
 */
import { Effect, Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Digest } from "../values/Digest.ts"
import type { ValueType } from "../values/ValueType.ts"
import { mistakeOf, reasonOf } from "../work/Mistake.ts"
import type { Workers } from "../work/Workers.ts"
import {
  compile,
  fill,
  isClientName,
  lookup,
  malformedIn,
  type Obstacle,
  type ReadTemplate,
  renderingKey,
  tooLarge,
  type Variables
} from "./Template.ts"

export interface Candidate {
  readonly key: string
  readonly environment: string
  readonly value: string
  readonly valueType: ValueType
  readonly schema: unknown | null
  /** The template was accepted before; only its variables are new. */
  readonly stored?: boolean
}

const NOBODY: ClientView = { environment: "", service: "", instance: "", labels: {} }

export const dryRun = Effect.fn("Configurations.dryRun")(function* (
  candidate: Candidate,
  variables: Variables,
  clients: ReadonlyArray<ClientView>,
  workers: Pick<Workers["Service"], "examine">,
  digestOf: Digest["Service"],
  read: ReadTemplate = compile
): Effect.fn.Return<void, HeraldError> {
  const { key, environment, value, valueType, schema, stored = false } = candidate
  const malformed = malformedIn(value, valueType, read)
  if (malformed !== undefined) return yield* failure("TemplateError", `${key} in ${environment}: ${malformed}`)

  const template = read(value, valueType)
  const { names } = template
  const undefinedNames = names.filter((name) => !isClientName(name) && !Object.hasOwn(variables, name))
  if (undefinedNames.length > 0) {
    return yield* failure(
      "TemplateError",
      `${key} in ${environment} uses ${list(undefinedNames)}, which ${VARIABLES_KEY} of ${environment} does not define`,
      { details: { key, environment, missing: undefinedNames } }
    )
  }

  const unreadable = (who: string, reason: string) =>
    failure("TemplateError", `${key} in ${environment}, rendered for ${who}: ${reason}`, {
      details: { key, environment }
    })
  /** Reads a rendered text as its type, and with its schema. */
  const check = (text: string, who: string, probe: boolean) =>
    Effect.flatMap(workers.examine(valueType, text, { schema, stored }), (found): Effect.Effect<void, HeraldError> => {
      if (found._tag === "Read") return Effect.void
      if (found._tag === "Unreadable") return Effect.fail(unreadable(who, found.reason))
      if (found._tag === "InvalidSchema") return Effect.fail(mistakeOf(found))
      const said = `${key} in ${environment}, rendered for ${who}: ${reasonOf(found)}`
      return probe ? Effect.void : Effect.fail(mistakeOf(found, said, { key, environment }))
    })

  // With no client connected the shape is checked nonetheless, with this in place of what only a client knows.
  const standIn = valueType === "boolean" ? "true" : "0"
  const probe = fill(template, valueType, (name) => (isClientName(name) ? standIn : lookup(name, variables, NOBODY)))
  const perClient = names.some(isClientName)
  const anybody = perClient ? "a client" : "every client"
  if (Result.isFailure(probe)) {
    const { failure: obstacle } = probe
    return yield* obstacle.kind === "size"
      ? unreadable(anybody, tooLarge(obstacle.bytes))
      : failure("TemplateError", `${key} in ${environment} can't be rendered: ${list(obstacle.names)}`)
  }
  yield* check(probe.success, anybody, perClient)
  if (!perClient) return

  const cannot = (client: ClientView, obstacle: Obstacle) => {
    const { service, instance } = client
    const who = `the connected client ${service}/${instance}`
    return obstacle.kind === "size"
      ? unreadable(who, tooLarge(obstacle.bytes))
      : failure(
          "TemplateError",
          `${key} in ${environment} can't be rendered for ${who}: it has no ${list(obstacle.names)}`,
          { details: { key, environment, client: `${service}/${instance}`, missing: obstacle.names } }
        )
  }
  const rendered = new Set<string>()
  for (const client of clients) {
    const group = digestOf(renderingKey(template, client))
    if (rendered.has(group)) continue // DR1
    rendered.add(group)
    const text = fill(template, valueType, (name) => lookup(name, variables, client))
    if (Result.isFailure(text)) return yield* cannot(client, text.failure) // DR2
    yield* check(text.success, `the connected client ${client.service}/${client.instance}`, false)
    yield* Effect.yieldNow // DR3
  }
})

const list = (names: ReadonlyArray<string>): string =>
  names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ")
