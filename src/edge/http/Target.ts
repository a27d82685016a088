/** The key and environment that a request names. */
import { Effect } from "effect"
import { isEnvironment, isKey, limits } from "../../configuration/Configuration.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"

const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

export const checkEnvironment = (environment: string): Effect.Effect<string, HeraldError> =>
  isEnvironment(environment)
    ? Effect.succeed(environment)
    : Effect.fail(
        failure(
          "InvalidInput",
          `environment: ${shown(environment)} can't be one: 1 to ${limits.environment} letters, digits and . _ - characters`
        )
      )

export const checkTarget = (
  key: string,
  environment: string
): Effect.Effect<{ readonly key: string; readonly environment: string }, HeraldError> =>
  isKey(key)
    ? Effect.as(checkEnvironment(environment), { key, environment })
    : Effect.fail(failure("InvalidKey", `${shown(key)} can't be a key`))
