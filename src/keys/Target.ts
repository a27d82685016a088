/** Checks the key and the environment of a request, once, for use cases. Pure. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { wrongEnvironment } from "./Environment.ts"
import { wrongKey } from "./Key.ts"

export interface Target {
  readonly environment: string
  readonly key: string
}

/** What is wrong, as an `InvalidInput`. EN1 */
export const environmentProblem = (environment: string): HeraldError | undefined => {
  const wrong = wrongEnvironment(environment)
  return wrong === undefined ? undefined : failure("InvalidInput", `environment: ${excerpt(environment)} ${wrong}`)
}

/** What is wrong, as an `InvalidInput` or an `InvalidKey`. EN1, KY1 */
export const targetProblem = (environment: string, key: string): HeraldError | undefined => {
  const wrong = wrongKey(key)
  return (
    environmentProblem(environment) ??
    (wrong === undefined ? undefined : failure("InvalidKey", `${excerpt(key)} ${wrong}`))
  )
}
