/** The key and environment that a request names. */
import { Effect } from "effect"
import type { HeraldError } from "../../errors/HeraldError.ts"
import { environmentProblem, type Target, targetProblem } from "../../keys/Target.ts"

export const checkEnvironment = (environment: string): Effect.Effect<string, HeraldError> => {
  const problem = environmentProblem(environment)
  return problem === undefined ? Effect.succeed(environment) : Effect.fail(problem)
}

export const checkTarget = (key: string, environment: string): Effect.Effect<Target, HeraldError> => {
  const problem = targetProblem(environment, key)
  return problem === undefined ? Effect.succeed({ key, environment }) : Effect.fail(problem)
}
