/** Why a rollout can't be begun or moved. Commits in memory ask here; herald_rollout_problem says the same in SQL. Pure. */
import { Conflict } from "../commits/Conflict.ts"
import type { Wish } from "../commits/Release.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { limits } from "../plans/Plan.ts"
import { NAMED } from "./Bound.ts"
import { isOver, type Rollout, type Target } from "./Rollout.ts"
import type { MoveWish, RolloutWish, StartWish } from "./Wish.ts"

export const AHEAD_MILLIS = 400 * 86_400_000

const utc = (millis: number): string => new Date(millis).toISOString().replace(/\.\d+Z$/, "Z")
const wrong = (message: string): HeraldError => failure("InvalidInput", message)

/** What it is decided on, by the store. */
export interface Held {
  /** By its clock. */
  readonly now: number
  /** Active ones of the environment. */
  readonly active: number
  /** Bytes of their candidates. */
  readonly bytes: number
  /** The version that is current; 0: it is not there. */
  readonly versionOf: (target: Pick<Target, "kind" | "key">) => number
  /** What else keeps a flag from being changed, such as an experiment. */
  readonly heldBy: (flag: string) => HeraldError | undefined
  /** The active rollout of a key. */
  readonly rolloutOf: (target: Pick<Target, "kind" | "key">) => Rollout | undefined
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

const isRollout = (wish: Wish): wish is RolloutWish => wish.kind === "rollout"

export const inRollout = ({ kind, key }: Pick<Target, "kind" | "key">, { environment, key: id, state }: Rollout) =>
  failure("InRollout", `the ${kind} ${key} in ${environment} is in the rollout ${id}, which is ${state}`, {
    details: { kind, key, environment, rollout: id }
  })

export const startProblem = (
  { environment, plan, candidates, at, why }: StartWish,
  changes: ReadonlyArray<Wish>,
  held: Held
): HeraldError | undefined => {
  if (bytesOf(why) > limits.why) return wrong(`the reason has more than ${limits.why} bytes`)
  if (changes.filter((one) => isRollout(one) && one.op === "start").length > 1)
    return wrong("one release begins one rollout")
  if (bytesOf(plan) > limits.plan) return wrong(`the plan has more than ${limits.plan} bytes`)
  if (plan.stages.length < 1 || plan.stages.length > limits.stages)
    return wrong(`a plan has 1 to ${limits.stages} stages`)
  if (plan.gates.length > limits.gates) return wrong(`a plan has at most ${limits.gates} gates`)
  if (candidates.length < 1 || candidates.length > limits.targets)
    return wrong(`a rollout changes 1 to ${limits.targets} things`)
  if (new Set(candidates.map(({ kind, key }) => `${kind}/${key}`)).size < candidates.length)
    return wrong("a rollout changes each thing once")
  if (at !== null && at > held.now + AHEAD_MILLIS)
    return failure("ScheduleTime", `${utc(at)} is more than 400 days ahead`)
  if (held.active >= limits.active)
    return failure("RolloutsFull", `${environment} has ${limits.active} active rollouts already`)
  if (candidates.reduce((sum, { bytes }) => sum + bytes, held.bytes) > limits.candidates) {
    return failure("RolloutsFull", `the candidates of ${environment} would have more than ${limits.candidates} bytes`)
  }
  for (const candidate of candidates) {
    const { kind, key, base, wish } = candidate
    if ((kind !== "configuration" && kind !== "flag") || (wish === "" && kind !== "flag"))
      return wrong(`no rollout can be of the ${kind} ${key}`)
    if (changes.some((one) => one.kind === kind && one.environment === environment && one.key === key))
      return wrong(`${key} in ${environment} is both rolled out and changed`)
    const other = held.rolloutOf(candidate)
    if (other !== undefined) return inRollout(candidate, other)
    const current = held.versionOf(candidate)
    if (base !== undefined && base !== current) {
      return new Conflict({
        name: "VersionConflict",
        message: `the ${kind} ${key} in ${environment} is at version ${current}, not ${base}`,
        details: { kind, key, environment, expected: base, current }
      })
    }
  }
  for (const { kind, key } of candidates) {
    const problem = kind === "flag" ? held.heldBy(key) : undefined
    if (problem !== undefined) return problem
  }
  return undefined
}

/** RQ1, RQ4, RQ5 */
export const moveProblem = (
  wish: MoveWish,
  changes: ReadonlyArray<Wish>,
  held: { readonly rollout: Rollout; readonly fence: bigint; readonly bad: bigint } | undefined,
  now: number
): HeraldError | undefined => {
  const { environment, key, expectedVersion, fence, bad, due, why, to, stage, below, also = [] } = wish
  const details = { key, environment }
  if (bytesOf(why) > limits.why) return wrong(`the reason has more than ${limits.why} bytes`)
  if (changes.filter((one) => isRollout(one) && one.environment === environment && one.key === key).length > 1)
    return wrong(`one release moves the rollout ${key} once`)
  if (held === undefined) return failure("NotFound", `there is no rollout ${key} in ${environment}`, { details })
  const { rollout } = held
  const conflict = (message: string) =>
    new Conflict({
      name: "VersionConflict",
      message,
      details: { ...details, expected: expectedVersion, current: rollout.version }
    })
  if (expectedVersion !== rollout.version)
    return conflict(`the rollout ${key} in ${environment} is at version ${rollout.version}, not ${expectedVersion}`)
  if (isOver(rollout.state)) {
    return failure("RolloutOver", `the rollout ${key} in ${environment} is over: it is ${rollout.state}`, {
      details: { ...details, state: rollout.state }
    })
  }
  if (fence !== null && fence !== held.fence)
    return conflict(`another owner has the rollout ${key} in ${environment} by now`)
  if (bad !== null && bad !== held.bad)
    return conflict(`an instance of the rollout ${key} in ${environment} became bad meanwhile`)
  if (due && (rollout.until === null || rollout.until > now))
    return conflict(`what the rollout ${key} in ${environment} waits for is not over at ${utc(now)}`)
  if (rollout.begun.reduce((sum, one) => sum + (one.also?.length ?? 0), also.length) > NAMED)
    return wrong(`the stages of a rollout take at most ${NAMED} instances by name`)
  const begins = below !== null
  const fits = begins
    ? stage === rollout.stage + 1 &&
      stage < rollout.plan.stages.length &&
      below >= 0 &&
      below <= 2 ** 32 &&
      (to === "deploying" || to === "baking")
    : stage === rollout.stage
  if (!fits || (to === "scheduled" && stage >= 0) || ((to === "deploying" || to === "baking") && stage < 0)) {
    return wrong(
      `the rollout ${key} can't go from ${rollout.state} in stage ${rollout.stage} to ${to} in stage ${stage}`
    )
  }
  if (to !== "completed") return undefined
  const left = rollout.targets.find(
    (target) => target.version > 0 && !changes.some((one) => isCandidateOf(one, environment, target))
  )
  return left && wrong(`the rollout ${key} completes with its candidate of ${left.key} alone`)
}

const isCandidateOf = (wish: Wish, environment: string, { kind, key, version, digest }: Target): boolean => {
  if (wish.kind !== kind || wish.environment !== environment || wish.key !== key) return false
  const its = wish as { readonly candidate?: unknown; readonly digest?: unknown }
  return its.candidate === version && its.digest === digest
}
