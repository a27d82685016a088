/**
 * Reads a file of flagd: flags of one environment. Pure.
 *
 *   FI1  Each flag comes with the rules that it names, and those that these name, and with what the file says of all its flags.
 */
import { readCarrier } from "../../../values/Written.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Names in `{"$ref": name}`, wherever it stands. */
const namedIn = (rule: unknown, found: Set<string>): void => {
  if (Array.isArray(rule)) for (const one of rule) namedIn(one, found)
  else if (isMembers(rule))
    for (const [name, given] of Object.entries(rule)) {
      if (name === "$ref" && typeof given === "string") found.add(given)
      else namedIn(given, found)
    }
}

/** FI1 */
const evaluatorsFor = (targeting: unknown, evaluators: Members): Members => {
  const names = new Set<string>()
  namedIn(targeting, names)
  for (const name of names) namedIn(evaluators[name], names)
  return Object.fromEntries(
    [...names].filter((name) => Object.hasOwn(evaluators, name)).map((name) => [name, evaluators[name]])
  )
}

/** Definitions by the flags' names. */
export const flagsOfFile = (name: string, text: string): ReadonlyMap<string, Members> | CliFailure => {
  const wrong = (what: string) =>
    usage(`${name} is no file of flagd: ${what}`, 'It has {"flags": {name: {"state": …, "variants": …}}}.')
  const read = readCarrier(text, "nothing")
  if (read._tag === "Failure") return wrong(read.failure)
  const file = read.success
  if (!isMembers(file)) return wrong("it is no object")
  const { flags, $evaluators: evaluators = {}, metadata: ofAll = {} } = file
  if (!isMembers(evaluators) || !isMembers(ofAll)) return wrong("its $evaluators and metadata have to be objects")
  const listed = isMembers(flags)
    ? Object.entries(flags)
    : Array.isArray(flags)
      ? flags.map((flag) => (isMembers(flag) ? ([flag["key"], flag] as const) : ([undefined, flag] as const)))
      : undefined
  if (listed === undefined) return wrong("it has no flags")
  const found = new Map<string, Members>()
  for (const [key, flag] of listed) {
    if (typeof key !== "string" || !isMembers(flag)) return wrong("each flag has to be an object with a name")
    if (found.has(key)) return wrong(`the flag ${key} is in it twice, which one environment can't have`)
    const { key: _, metadata: own = {}, ...rest } = flag
    const metadata = isMembers(own) ? { ...ofAll, ...own } : own
    const needed = evaluatorsFor(rest["targeting"], evaluators)
    found.set(key, {
      ...rest,
      ...(isMembers(metadata) && Object.keys(metadata).length === 0 ? {} : { metadata }),
      ...(Object.keys(needed).length === 0 ? {} : { $evaluators: needed })
    })
  }
  return found
}
