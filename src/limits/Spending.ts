/**
 * Counts requests of a principal in each limit that fits: all its requests, those at a door, those in an environment, and those in one at the other.
 *
 *   LX1  What is allowed is counted in each that fits, the narrowest first; the first that refuses is named, and none behind it counts the request.
 *   LX2  What is told of limits is told of those that fit, and of nobody else's.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Rates } from "./Limits.ts"
import { type Door, type LimitRule, nameOf } from "./Rules.ts"
import type { RateLimit } from "./TokenBucket.ts"

/** Who spends, and where. */
export interface Spender {
  readonly name: string
  readonly door?: Door
}

/** Header fields: draft-ietf-httpapi-ratelimit-headers-11. */
export interface Told {
  readonly ratelimit: string
  readonly "ratelimit-policy": string
}

/** A limit that fits, and the requests that are left of it as far as this node knows. */
export interface Left extends LimitRule {
  /** What headers and refusals call it. */
  readonly limit: string
  readonly left: number
}

interface Counted extends LimitRule {
  readonly called: string
  readonly rates: Rates
  /** An item of `RateLimit-Policy`. */
  readonly policy: string
}

/** Seconds in which an empty bucket is full again. */
const windowOf = ({ perSecond, burst }: RateLimit): number => Math.max(1, Math.ceil(burst / perSecond))
const policyOf = (called: string, limit: RateLimit): string =>
  `"${called}";q=${Math.floor(limit.burst)};w=${windowOf(limit)}`

/** What a refusal's details tell of its limit. */
export const toldOf = (details: Readonly<Record<string, unknown>> | undefined): Told | undefined => {
  const { limit, perSecond, burst, retryAfterMillis } = details ?? {}
  return typeof limit === "string" && typeof perSecond === "number" && typeof burst === "number"
    ? {
        ratelimit: `"${limit}";r=0;t=${Math.max(1, Math.ceil(Number(retryAfterMillis) / 1_000))}`,
        "ratelimit-policy": policyOf(limit, { perSecond, burst })
      }
    : undefined
}

const refusedBy = ({ name }: Spender, { called, door, environment, perSecond, burst }: Counted, wait: number) => {
  const where = `${door === undefined ? "" : ` at the door ${door}`}${environment === undefined ? "" : ` in ${environment}`}`
  return failure(
    "RateLimited",
    `${name} makes more than ${perSecond} requests a second${where}; large bodies and costly reads count as many`,
    { details: { retryAfterMillis: wait, limit: called, perSecond, burst } }
  )
}

export const makeSpending = (
  limits: (of: string, limit: RateLimit) => Rates,
  general: RateLimit,
  rules: ReadonlyArray<LimitRule>
) => {
  const counted = (rule: LimitRule): Counted => {
    const called = nameOf(rule)
    const { perSecond, burst } = rule
    return { ...rule, called, rates: limits(called, { perSecond, burst }), policy: policyOf(called, rule) }
  }
  const narrow = (rule: LimitRule): number =>
    (rule.environment === undefined ? 0 : 2) + (rule.door === undefined ? 0 : 1)
  const all = [...rules].sort((a, b) => narrow(b) - narrow(a)).map(counted)
  all.push(counted(general))

  /** LX1 */
  const spent = (
    who: Spender,
    environment: string | undefined,
    cost: number,
    now: number,
    isMeant: (rule: LimitRule) => boolean
  ): HeraldError | undefined => {
    for (const one of all) {
      if (!isMeant(one) || (one.door !== undefined && one.door !== who.door)) continue
      if (one.environment !== undefined && one.environment !== environment) continue
      const wait = one.rates.take(who.name, now, cost)
      if (wait > 0) return refusedBy(who, one, wait)
    }
    return undefined
  }
  const any = () => true
  const isOfEnvironment = ({ environment }: LimitRule): boolean => environment !== undefined

  return {
    /** Whether there is more than one limit. */
    isNarrowed: rules.length > 0,
    take: (who: Spender, environment: string | undefined, cost: number, now: number) =>
      spent(who, environment, cost, now, any),
    /** Of what was counted before its environment was known. */
    within: (who: Spender, environment: string, cost: number, now: number) =>
      rules.length === 0 ? undefined : spent(who, environment, cost, now, isOfEnvironment),
    /** Those that count for a principal in an environment, at every door, the narrowest first. LX2 */
    left: ({ name }: Spender, environment: string, now: number): ReadonlyArray<Left> =>
      all
        .filter((one) => one.environment === undefined || one.environment === environment)
        .map(({ called: limit, rates, policy: _, ...rule }) => ({ limit, ...rule, left: rates.left(name, now) })),
    /** LX2 */
    told: (who: Spender, environment: string | undefined, now: number): Told => {
      let ratelimit = ""
      let policy = ""
      for (const one of all) {
        if (one.door !== undefined && one.door !== who.door) continue
        if (one.environment !== undefined && one.environment !== environment) continue
        const left = one.rates.left(who.name, now)
        const missing = Math.max(0, one.burst - left)
        const comma = policy === "" ? "" : ", "
        ratelimit += `${comma}"${one.called}";r=${left};t=${Math.ceil(missing / one.perSecond)}`
        policy += comma + one.policy
      }
      return { ratelimit, "ratelimit-policy": policy }
    }
  }
}
