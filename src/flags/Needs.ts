/**
 * Why a flag can't be changed as others are now. A dry run and commits in memory ask here; herald_flag_problem says the same in SQL. Pure.
 *
 *   FN1  A prerequisite names a flag of the environment that is there, and a variant that it has: at every commit, whoever changes what.
 *   FN2  Prerequisites go in no circle.
 *   FN3  The version that was expected is the one that is replaced.
 */
import { Conflict } from "../commits/Conflict.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { HOPS } from "./Evaluator.ts"
import { type FeatureFlag, FLAGS, FLAGS_BYTES, type FlagWish, type Shape } from "./FeatureFlag.ts"

/** The flags of one environment as they would be after the release. */
export interface Others {
  /** Undefined: there is none. */
  readonly shape: (key: string) => Shape | undefined
  /** Those that have the flag as a prerequisite. */
  readonly needing: (key: string) => Iterable<readonly [key: string, shape: Shape]>
  /** As they were before the release. */
  readonly flags: number
  readonly bytes: number
}

type Current = Pick<FeatureFlag, "version" | "deleted" | "definition"> | undefined

export const flagProblem = (wish: FlagWish, current: Current, others: Others): HeraldError | undefined =>
  versionProblem(wish, current) ??
  (wish.definition === null ? undefined : neededProblem(wish, others)) ??
  stillNeeded(wish, others) ??
  fullProblem(wish, current, others)

/** FN3 */
const versionProblem = (
  { key, environment, definition, expectedVersion }: FlagWish,
  current: Current
): HeraldError | undefined => {
  const details = { key, environment }
  const version = current === undefined || (current.deleted && expectedVersion === 0) ? 0 : current.version
  if (expectedVersion !== undefined && expectedVersion !== version) {
    return new Conflict({
      name: "VersionConflict",
      message: `the flag ${key} in ${environment} is at version ${version}, not ${expectedVersion}`,
      details: { ...details, expected: expectedVersion, current: version }
    })
  }
  return definition === null && (current === undefined || current.deleted)
    ? failure("NotFound", `there is no flag ${key} in ${environment} to archive`, { details })
    : undefined
}

const neededProblem = (wish: FlagWish, { shape }: Others): HeraldError | undefined => {
  const details = { key: wish.key, environment: wish.environment }
  for (const { flag, variant } of wish.prerequisites) {
    const other = shape(flag)
    if (other === undefined) {
      return failure("InvalidFlag", `${wish.key} needs the flag ${flag}, which is not there`, { details }) // FN1
    }
    if (!other.variants.includes(variant)) {
      return failure("InvalidFlag", `${wish.key} needs ${flag} with the variant ${variant}, which it has not`, {
        details
      })
    }
  }
  const reached = new Set(wish.prerequisites.map(({ flag }) => flag))
  for (const key of reached) {
    for (const { flag } of shape(key)?.prerequisites ?? []) reached.add(flag)
    if (reached.size > HOPS) break
  }
  if (reached.has(wish.key)) {
    return failure("InvalidFlag", `${wish.key} needs itself, over its prerequisites`, { details }) // FN2
  }
  return reached.size > HOPS
    ? failure("InvalidFlag", `${wish.key} needs more than ${HOPS} flags, over its prerequisites`, { details })
    : undefined
}

/** FN1 */
const stillNeeded = (wish: FlagWish, { needing }: Others): HeraldError | undefined => {
  const { key, environment, definition, variants } = wish
  for (const [other, { prerequisites }] of needing(key)) {
    const lost = prerequisites.find(
      ({ flag, variant }) => flag === key && (definition === null || !variants.includes(variant))
    )
    if (lost === undefined) continue
    return failure("FlagNeeded", `${other} in ${environment} needs ${key} with the variant ${lost.variant}`, {
      details: { key, environment, needing: other }
    })
  }
  return undefined
}

const fullProblem = (
  { key, environment, definition, bytes }: FlagWish,
  current: Current,
  others: Others
): HeraldError | undefined => {
  if (definition === null) return undefined
  const isNew = current === undefined || current.deleted
  if (isNew && others.flags >= FLAGS)
    return failure("FlagsFull", `${environment} has ${FLAGS} flags already`, { details: { key, environment } })
  return others.bytes + bytes > FLAGS_BYTES
    ? failure("FlagsFull", `the definitions of ${environment} would have more than ${FLAGS_BYTES} bytes`, {
        details: { key, environment }
      })
    : undefined
}
