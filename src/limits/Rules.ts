/**
 * Limits of one door, of one environment, or of one environment at one door, as settings name them. Pure.
 *
 *   LR1  A rule names a door, an environment or both, and a rate of its own; two of the same are refused, and so is a field that is none.
 *   LR2  A rule of an environment alone may name how many keys and bytes that may hold, with a rate or without; no other may.
 */
import { isEnvironment } from "../keys/Environment.ts"
import { excerpt } from "../text/Excerpt.ts"
import type { Amount, QuotasOf } from "./Quotas.ts"
import type { RateLimit } from "./TokenBucket.ts"

/** Http: REST, OFREP and the opening of SSE. Grpc: gRPC, Connect and gRPC-Web. */
export const doors = ["http", "grpc", "websocket"] as const
export type Door = (typeof doors)[number]

export interface LimitRule extends RateLimit {
  readonly door?: Door
  readonly environment?: string
}

interface Rule extends Pick<LimitRule, "door" | "environment"> {
  readonly rate?: RateLimit
  readonly quota: Partial<Amount>
}

/** Rules of a node. */
const MOST = 32
const FIELDS = ["door", "environment", "requestsPerSecond", "burst", "keys", "bytes"]

/** What headers and refusals call it. */
export const nameOf = ({ door, environment }: Pick<LimitRule, "door" | "environment">): string =>
  ["principal", door, environment].filter((part) => part !== undefined).join("/")

const isRate = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 1_000_000

const isAmount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const ruleIn = (one: unknown): Rule | string => {
  if (typeof one !== "object" || one === null || Array.isArray(one))
    return "it has to be { door?, environment?, requestsPerSecond?, burst?, keys?, bytes? }"
  const { door, environment, requestsPerSecond, burst, keys, bytes } = one as Readonly<Record<string, unknown>>
  const other = Object.keys(one).find((name) => !FIELDS.includes(name))
  if (other !== undefined) return `${excerpt(other)} is none of ${FIELDS.join(", ")}`
  if (door === undefined && environment === undefined)
    return "it has to name a door or an environment; for all there is LIMIT_REQUESTS_PER_SECOND"
  if (door !== undefined && !doors.includes(door as Door)) return `door: one of ${doors.join(", ")}`
  if (environment !== undefined && (typeof environment !== "string" || !isEnvironment(environment)))
    return "environment: the name of one"
  const quota = { ...(keys === undefined ? {} : { keys }), ...(bytes === undefined ? {} : { bytes }) }
  const wrong = Object.entries(quota).find(([, amount]) => !isAmount(amount))
  if (wrong !== undefined) return `${wrong[0]}: a whole number from 0`
  const holds = Object.keys(quota).length > 0
  if (holds && door !== undefined) return "keys and bytes are of an environment, whatever the door"
  const rated = !holds || requestsPerSecond !== undefined || burst !== undefined
  if (rated && !isRate(requestsPerSecond)) return "requestsPerSecond: a whole number from 1 to 1000000"
  if (burst !== undefined && !isRate(burst)) return "burst: a whole number from 1 to 1000000"
  return {
    ...(door === undefined ? {} : { door: door as Door }),
    ...(environment === undefined ? {} : { environment: environment as string }),
    ...(isRate(requestsPerSecond)
      ? { rate: { perSecond: requestsPerSecond, burst: burst ?? 2 * requestsPerSecond } }
      : {}),
    quota: quota as Partial<Amount>
  }
}

/** Those that `readLimits` finds; none where something is wrong with them, of which a node tells at its start. */
export const limitsOf = (written: ReadonlyArray<unknown>): ReadonlyArray<LimitRule> => {
  const rules = readLimits(written)
  return typeof rules === "string" ? [] : rules
}

/** What each environment may hold: `each`, but for those that rules name. LR2 */
export const quotasOf = (each: Amount, written: ReadonlyArray<unknown>): QuotasOf => {
  const rules = readRules(written)
  const named = typeof rules === "string" ? [] : rules.filter(({ quota }) => Object.keys(quota).length > 0)
  return { ...each, of: new Map(named.map(({ environment, quota }) => [environment!, quota])) }
}

/** The rates, or what is wrong with the rules. LR1 */
export const readLimits = (written: ReadonlyArray<unknown>): ReadonlyArray<LimitRule> | string => {
  const rules = readRules(written)
  if (typeof rules === "string") return rules
  return rules.flatMap(({ rate, quota: _, ...where }) => (rate === undefined ? [] : [{ ...where, ...rate }]))
}

const readRules = (written: ReadonlyArray<unknown>): ReadonlyArray<Rule> | string => {
  if (written.length > MOST) return `there are more than ${MOST} rules`
  const rules = new Map<string, Rule>()
  for (const [i, one] of written.entries()) {
    const rule = ruleIn(one)
    if (typeof rule === "string") return `rule ${i + 1}: ${rule}`
    if (rules.has(nameOf(rule))) return `rule ${i + 1}: there is one for ${nameOf(rule)} before it`
    rules.set(nameOf(rule), rule)
  }
  return [...rules.values()]
}
