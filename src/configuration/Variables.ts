/** Reads an environment's variables from the value of `herald.variables`. Pure. */
import { Result } from "effect"
import { type NamedText, namedTextsIn } from "../values/Json.ts"
import type { Configuration } from "./Configuration.ts"
import { isClientName, isName, type Variables } from "./Template.ts"

/**
 * Takes the members of a flat object of strings, numbers and booleans; fails with the reason for anything else. A number keeps its text: 1.10
 * renders as 1.10 (JS3).
 */
export const variablesOf = (members: ReadonlyArray<NamedText> | undefined): Result.Result<Variables, string> => {
  if (members === undefined) return Result.fail('it must be a JSON object such as {"region": "eu-west-1"}')
  const variables: Record<string, string> = {}
  for (const [name, value] of members) {
    if (!isName(name)) {
      return Result.fail(
        `${JSON.stringify(name)} can't be a variable's name: letters, digits and . _ -, a letter or _ first`
      )
    }
    if (isClientName(name)) return Result.fail(`${name} would be hidden: names in client. are the clients' metadata`)
    if (/^[{[n]/.test(value)) return Result.fail(`${name} must be a string, a number or a boolean`)
    variables[name] = value.startsWith('"') ? (JSON.parse(value) as string) : value
  }
  return Result.succeed(variables)
}

/** Undefined where it is no object: somebody may have written to the database past Herald. */
const membersOf = ({ value }: Configuration): ReadonlyArray<NamedText> | undefined => {
  try {
    JSON.parse(value)
  } catch {
    return undefined
  }
  return namedTextsIn(value)
}

const none: Variables = {}
const known = new WeakMap<Configuration, Variables>()

/** What `herald.variables` defines, kept by version. Empty where there is none, or its value can't be used. */
export const definedBy = (configuration: Configuration | undefined): Variables => {
  if (configuration === undefined || configuration.deleted) return none
  let variables = known.get(configuration)
  if (variables === undefined) {
    variables = Result.getOrElse(variablesOf(membersOf(configuration)), () => none)
    known.set(configuration, variables)
  }
  return variables
}
