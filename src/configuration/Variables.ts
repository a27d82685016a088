/** The variables of an environment, from the value of `herald.variables`. Pure. */
import { Result } from "effect"
import { membersAt } from "../values/Json.ts"
import type { Configuration } from "./Configuration.ts"
import { isClientName, isName, type Variables } from "./Template.ts"

/**
 * A flat object of names to strings, numbers or booleans; anything else is refused with the reason. A number is its own text, digit by
 * digit: 1.10 renders as 1.10 (JS3).
 */
export const variablesOf = (text: string): Result.Result<Variables, string> => {
  if (!isObject(text)) return Result.fail('it must be a JSON object such as {"region": "eu-west-1"}')
  const variables: Record<string, string> = {}
  for (const { name, from, to } of membersAt(text)) {
    if (!isName(name)) {
      return Result.fail(
        `${JSON.stringify(name)} can't be a variable's name: letters, digits and . _ -, a letter or _ first`
      )
    }
    if (isClientName(name)) return Result.fail(`${name} would be hidden: names in client. are the clients' metadata`)
    const value = text.slice(from, to)
    if (/^[{[n]/.test(value)) return Result.fail(`${name} must be a string, a number or a boolean`)
    variables[name] = value.startsWith('"') ? (JSON.parse(value) as string) : value
  }
  return Result.succeed(variables)
}

const none: Variables = {}
const known = new WeakMap<Configuration, Variables>()

/** What `herald.variables` defines, read once a version: nothing where there is none, or what it holds can't be used. */
export const definedBy = (configuration: Configuration | undefined): Variables => {
  if (configuration === undefined || configuration.deleted) return none
  let variables = known.get(configuration)
  if (variables === undefined) {
    variables = Result.getOrElse(variablesOf(configuration.value), () => none)
    known.set(configuration, variables)
  }
  return variables
}

const isObject = (text: string): boolean => {
  try {
    JSON.parse(text)
  } catch {
    return false
  }
  return /^\s*\{/.test(text)
}
