/**
 * Evaluates flags. A definition is compiled once, when it is first evaluated; then an evaluation makes no object that it can spare. Pure.
 *
 *   FE1, FE2 in Engine.ts · FE3, FE4 in Lowering.ts
 *   FE5  An evaluation always answers: what a rule throws is an answer, too, with an error code of OpenFeature's.
 *   FE6  Values, variants, reasons and error codes are those of flagd.
 *   FE7  Who is answered can't change what others are answered: everything in an answer is frozen.
 *   FE11 Who is not known to be in a list of ids or not, as it is not loaded, is answered with an error, never as one who is not in it.
 *   FE8  A flag whose prerequisites don't hold serves its default, and says so. They are as many as `HOPS` at most, on all levels, and each is
 *        asked once. Where it can't be told whether they hold (FE11, FE12), the answer is an error, too.
 */
import { excerpt } from "../text/Excerpt.ts"
import type { Definition } from "./Definition.ts"
import { type Allowance, build, FLOOR, NotLoaded, running, STEPS, share, TooMuchWork } from "./Engine.ts"
import type { Bucketing } from "./Fractional.ts"
import type { Json } from "./Json.ts"
import { lower } from "./Lowering.ts"
import { resolved } from "./References.ts"
import type { Context, ErrorCode, Reason, Resolution } from "./Resolution.ts"

/** Other flags that one evaluation may need. */
export const HOPS = 64

/** What one evaluation knows of the flags that it needs. FE8 */
interface Needed {
  /** How many more it may ask. */
  left: number
  readonly answers: Map<Flag, Resolution>
  /** Why it can't be told what one of them serves. */
  unknown: string | undefined
}

export interface HowToEvaluate {
  readonly bucketing: Bucketing
  /** A rule that the environment has under a name; undefined: it has none. */
  readonly ruleOf: (name: string) => Json | undefined
  /** Another flag of the environment, for prerequisites. */
  readonly flagOf: (name: string) => Flag | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}

type Rule = (context: Context) => unknown

/** A flag that can be evaluated: one version of it, in one environment. */
export class Flag {
  readonly key: string
  readonly definition: Definition
  readonly #how: HowToEvaluate
  /** Everyone is answered this. */
  #fixed: Resolution | undefined
  #rule: Rule | undefined
  readonly #byVariant = new Map<string, Resolution>()
  readonly #default: Resolution
  readonly #failed: Resolution

  constructor(key: string, definition: Definition, how: HowToEvaluate) {
    this.key = key
    this.definition = definition
    this.#how = how
    for (const value of definition.variants.values()) freeze(value)
    Object.freeze(definition.metadata)
    for (const variant of definition.variants.keys())
      this.#byVariant.set(variant, this.#served(variant, "TARGETING_MATCH"))
    this.#default = this.#served(definition.defaultVariant, "DEFAULT")
    this.#failed = this.#error("GENERAL", `the rule of ${excerpt(key)} ended with an error`)
    if (!definition.enabled) this.#fixed = this.#served(undefined, "DISABLED")
    else if (definition.targeting === undefined) {
      this.#fixed =
        definition.defaultVariant === undefined ? this.#default : this.#served(definition.defaultVariant, "STATIC")
    }
  }

  /** `allowance`: what it shares with others. FE5, FE12 */
  evaluate(context: Context, allowance?: Allowance): Resolution {
    if (this.#fixed !== undefined) return this.#fixed
    if (allowance === undefined && this.definition.prerequisites.length === 0)
      return this.#evaluated(context, undefined)
    const given = Math.min(STEPS, Math.max(FLOOR, allowance?.left ?? STEPS))
    const own = { left: given }
    share(own)
    try {
      return this.#evaluated(context, undefined)
    } finally {
      share(undefined)
      if (allowance !== undefined) allowance.left -= given - own.left
    }
  }

  #evaluated(context: Context, needed: Needed | undefined): Resolution {
    const rule = this.#rule ?? this.#compiled()
    if (rule === undefined) return this.#fixed!
    if (this.definition.prerequisites.length > 0) {
      const answer = this.#unmet(context, needed ?? { left: HOPS, answers: new Map(), unknown: undefined })
      if (answer !== undefined) return answer
    }
    let found: unknown
    try {
      found = rule(context)
    } catch (error) {
      if (error instanceof NotLoaded)
        return this.#unknown(needed, `a list of ids that ${excerpt(this.key)} asks for is not loaded yet`) // FE11
      return error instanceof TooMuchWork
        ? this.#unknown(needed, `the rule of ${excerpt(this.key)} takes too much work with this context`)
        : this.#failed
    }
    return (typeof found === "string" && this.#byVariant.get(found)) || this.#of(found)
  }

  /** FE6 */
  #of(found: unknown): Resolution {
    if (found === null || found === undefined) return this.#default
    if (typeof found === "object")
      return this.#error("GENERAL", `the rule of ${excerpt(this.key)} gives no variant's name`)
    const name = String(found)
    return (
      this.#byVariant.get(name) ??
      this.#error("GENERAL", `the rule of ${excerpt(this.key)} gives ${excerpt(name)}, which is no variant`)
    )
  }

  /** FE8 */
  #unmet(context: Context, needed: Needed): Resolution | undefined {
    for (const { flag, variant } of this.definition.prerequisites) {
      const other = this.#how.flagOf(flag)
      let answer = other && (other.#fixed ?? needed.answers.get(other))
      if (answer === undefined && other !== undefined) {
        if (--needed.left < 0)
          return this.#unknown(needed, `the prerequisites of ${excerpt(this.key)} are more than ${HOPS}`)
        answer = other.#evaluated(context, needed)
        if (needed.unknown !== undefined) return this.#error("GENERAL", needed.unknown)
        needed.answers.set(other, answer)
      }
      if (answer?.variant === variant) continue
      return Object.freeze({
        ...this.#default,
        metadata: Object.freeze({ ...this.definition.metadata, prerequisiteFailed: flag })
      })
    }
    return undefined
  }

  #unknown(needed: Needed | undefined, why: string): Resolution {
    if (needed !== undefined) needed.unknown ??= why
    return this.#error("GENERAL", why)
  }

  #compiled(): Rule | undefined {
    try {
      const { targeting, evaluators } = this.definition
      const { rule, problem } = resolved(targeting!, (name) => evaluators.get(name) ?? this.#how.ruleOf(name))
      if (rule === undefined) {
        this.#fixed = this.#error("PARSE_ERROR", `the rule of ${excerpt(this.key)} ${problem}`)
        return undefined
      }
      return (this.#rule = runnable(rule, this.key, this.#how))
    } catch {
      this.#fixed = this.#error("PARSE_ERROR", `the rule of ${excerpt(this.key)} can't be read`)
      return undefined
    }
  }

  #served(variant: string | undefined, reason: Reason): Resolution {
    const { variants, metadata } = this.definition
    const value = variant === undefined ? undefined : variants.get(variant)
    return Object.freeze({ value, variant, reason, errorCode: undefined, errorDetails: undefined, metadata })
  }

  #error(errorCode: ErrorCode, errorDetails: string): Resolution {
    const { metadata } = this.definition
    return Object.freeze({ value: undefined, variant: undefined, reason: "ERROR", errorCode, errorDetails, metadata })
  }
}

/** A rule without references as a function of the context. Throws what the engine throws. */
export const runnable = (
  rule: Json,
  flagKey: string,
  { bucketing, now }: Pick<HowToEvaluate, "bucketing" | "now">
): Rule => {
  const lowered = lower(rule, flagKey, bucketing)
  const made = build(lowered.rule)
  if (!lowered.bounded && !lowered.whole) return made
  return (context) => {
    const seconds = Math.floor(now() / 1_000)
    const seen = lowered.whole ? { ...context, $flagd: { flagKey, timestamp: seconds } } : context // FE4
    return running(made, seen, flagKey, seconds)
  }
}

/** FE7 */
const freeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const one of Object.values(value)) freeze(one)
}

const NONE = Object.freeze({})

/** Of a flag that is not there. */
export const notFound = (key: string): Resolution =>
  Object.freeze({
    value: undefined,
    variant: undefined,
    reason: "ERROR",
    errorCode: "FLAG_NOT_FOUND",
    errorDetails: `no flag is called ${excerpt(key)}`,
    metadata: NONE
  })
