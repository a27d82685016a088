/** The variables of an environment, from the value of `herald.variables`. Pure. */
import { Result, type Schema } from "effect"
import { isClientName, isName, type Variables } from "./Template.ts"

/** A flat object of names to strings, numbers or booleans; anything else is refused with the reason. */
export const variablesOf = (value: Schema.Json): Result.Result<Variables, string> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return Result.fail('it must be a JSON object such as {"region": "eu-west-1"}')
  }
  const variables: Record<string, string> = {}
  for (const [name, one] of Object.entries(value)) {
    if (!isName(name)) {
      return Result.fail(
        `${JSON.stringify(name)} can't be a variable's name: letters, digits and . _ -, a letter or _ first`
      )
    }
    if (isClientName(name)) return Result.fail(`${name} would be hidden: names in client. are the clients' metadata`)
    if (typeof one !== "string" && typeof one !== "number" && typeof one !== "boolean") {
      return Result.fail(`${name} must be a string, a number or a boolean`)
    }
    variables[name] = String(one)
  }
  return Result.succeed(variables)
}
