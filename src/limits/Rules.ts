/**
 * Limits of one door, of one environment, or of one environment at one door, as settings name them. Pure.
 *
 *   LR1  A rule names a door, an environment or both, and a rate of its own; two of the same are refused, and so is a field that is none.
 */
import { isEnvironment } from "../keys/Environment.ts"
import { excerpt } from "../text/Excerpt.ts"
import type { RateLimit } from "./TokenBucket.ts"

/** Http: REST, OFREP and the opening of SSE. Grpc: gRPC, Connect and gRPC-Web. */
export const doors = ["http", "grpc", "websocket"] as const
export type Door = (typeof doors)[number]

export interface LimitRule extends RateLimit {
  readonly door?: Door
  readonly environment?: string
}

/** Rules of a node. */
const MOST = 32
const FIELDS = ["door", "environment", "requestsPerSecond", "burst"]

/** What headers and refusals call it. */
export const nameOf = ({ door, environment }: Pick<LimitRule, "door" | "environment">): string =>
  ["principal", door, environment].filter((part) => part !== undefined).join("/")

const isRate = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 1_000_000

const ruleIn = (one: unknown): LimitRule | string => {
  if (typeof one !== "object" || one === null || Array.isArray(one))
    return "it has to be { door?, environment?, requestsPerSecond, burst? }"
  const { door, environment, requestsPerSecond, burst } = one as Readonly<Record<string, unknown>>
  const other = Object.keys(one).find((name) => !FIELDS.includes(name))
  if (other !== undefined) return `${excerpt(other)} is none of ${FIELDS.join(", ")}`
  if (door === undefined && environment === undefined)
    return "it has to name a door or an environment; for all there is LIMIT_REQUESTS_PER_SECOND"
  if (door !== undefined && !doors.includes(door as Door)) return `door: one of ${doors.join(", ")}`
  if (environment !== undefined && (typeof environment !== "string" || !isEnvironment(environment)))
    return "environment: the name of one"
  if (!isRate(requestsPerSecond)) return "requestsPerSecond: a whole number from 1 to 1000000"
  if (burst !== undefined && !isRate(burst)) return "burst: a whole number from 1 to 1000000"
  return {
    ...(door === undefined ? {} : { door: door as Door }),
    ...(environment === undefined ? {} : { environment: environment as string }),
    ...{ perSecond: requestsPerSecond, burst: burst ?? 2 * requestsPerSecond }
  }
}

/** Those that `readLimits` finds; none where something is wrong with them, of which a node tells at its start. */
export const limitsOf = (written: ReadonlyArray<unknown>): ReadonlyArray<LimitRule> => {
  const rules = readLimits(written)
  return typeof rules === "string" ? [] : rules
}

/** The rules, or what is wrong with them. LR1 */
export const readLimits = (written: ReadonlyArray<unknown>): ReadonlyArray<LimitRule> | string => {
  if (written.length > MOST) return `there are more than ${MOST} rules`
  const rules = new Map<string, LimitRule>()
  for (const [i, one] of written.entries()) {
    const rule = ruleIn(one)
    if (typeof rule === "string") return `rule ${i + 1}: ${rule}`
    if (rules.has(nameOf(rule))) return `rule ${i + 1}: there is one for ${nameOf(rule)} before it`
    rules.set(nameOf(rule), rule)
  }
  return [...rules.values()]
}
