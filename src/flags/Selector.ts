/**
 * Which environment a client of flagd's protocols means, which know flag sets and sources and no environments. Pure.
 *
 *   FG5  A flag set is an environment. Without a selector it is the one environment of the API key, or else production.
 *        So it is where the selector is an API key, as clients send it that can send it nowhere else.
 *   FG6  An expression that is none of flagd's is refused, never taken for another.
 */
import { Result } from "effect"
import { parse } from "../access/Token.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { DEFAULT_ENVIRONMENT } from "../keys/Environment.ts"
import { environmentProblem } from "../keys/Target.ts"
import { excerpt } from "../text/Excerpt.ts"

const KEYS = ["flagSetId", "source"]

/** `flagSetId=production`, `source=production`, or the environment alone as old clients send it. */
export const environmentOfFlags = (
  selector: string | undefined,
  allowed: ReadonlyArray<string>
): Result.Result<string, HeraldError> => {
  const said = selector?.trim() ?? ""
  if (said === "" || parse(said) !== undefined) {
    const [only, ...more] = allowed
    return Result.succeed(only === undefined || only === "*" || more.length > 0 ? DEFAULT_ENVIRONMENT : only)
  }
  const at = said.indexOf("=")
  const [key, value] = at === -1 ? ["source", said] : [said.slice(0, at).trim(), said.slice(at + 1).trim()]
  const problem = KEYS.includes(key)
    ? environmentProblem(value)
    : failure("InvalidInput", `flagd-selector: ${excerpt(said)} is no selector: write flagSetId=production`)
  return problem === undefined ? Result.succeed(value) : Result.fail(problem)
}
