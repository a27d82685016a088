/**
 * Why a flag, or what flags share, can't be changed as others are now. A dry run and commits in memory ask here; herald_flag_problem and
 * herald_segment_problem say the same in SQL. Pure.
 *
 *   FN1  A prerequisite names a flag of the environment that is there, and a variant that it has: at every commit, whoever changes what.
 *   FN2  Prerequisites go in no circle, and neither do segments.
 *   FN3  The version that was expected is the one that is replaced.
 *   FN4  A rule that is named is a segment of the environment that is there: at every commit, whoever changes what.
 */
import { Conflict } from "../commits/Conflict.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { HOPS } from "../evaluation/Evaluator.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { DEFINITION_BYTES, FLAGS, FLAGS_BYTES, type FlagWish, type Shape } from "./FeatureFlag.ts"
import { type KeptKind, type KeptWish, nouns } from "./FlagDraft.ts"
import { SEGMENTS, SEGMENTS_BYTES } from "./Segment.ts"
import type { Stored } from "./Stored.ts"

/** What one environment has for flags, as it would be after the release. */
export interface Others {
  /** Undefined: there is no such flag. */
  readonly shape: (key: string) => Shape | undefined
  /** Those that have the flag as a prerequisite. */
  readonly needing: (key: string) => Iterable<readonly [key: string, shape: Shape]>
  /** Segments that a segment names; undefined: there is no such segment. */
  readonly uses: (segment: string) => ReadonlyArray<string> | undefined
  /** What names the segment, such as "the flag a"; undefined: nothing does. */
  readonly user: (segment: string) => string | undefined
  readonly segmentNames: () => Iterable<string>
  /** As they were before the release. */
  readonly before: { readonly [K in KeptKind]: { readonly count: number; readonly bytes: number } }
}

type Current = Pick<Stored, "version" | "deleted" | "definition"> | undefined

const most = { flag: FLAGS, segment: SEGMENTS, flag_settings: 1 } as const
const mostBytes = { flag: FLAGS_BYTES, segment: SEGMENTS_BYTES, flag_settings: 2 * DEFINITION_BYTES } as const

export const problemOf = (wish: KeptWish, current: Current, others: Others): HeraldError | undefined =>
  versionProblem(wish, current) ??
  (wish.definition === null ? undefined : usedProblem(wish, others)) ??
  (wish.kind === "flag" ? flagProblem(wish, others) : undefined) ??
  (wish.kind === "segment" ? stillUsed(wish, others) : undefined) ??
  fullProblem(wish, current, others)

const flagProblem = (wish: FlagWish, others: Others): HeraldError | undefined =>
  (wish.definition === null ? undefined : neededProblem(wish, others)) ?? stillNeeded(wish, others)

/** FN3 */
const versionProblem = (
  { kind, key, environment, definition, expectedVersion }: KeptWish,
  current: Current
): HeraldError | undefined => {
  const details = { key, environment }
  const version = current === undefined || (current.deleted && expectedVersion === 0) ? 0 : current.version
  if (expectedVersion !== undefined && expectedVersion !== version) {
    return new Conflict({
      name: "VersionConflict",
      message: `the ${nouns[kind]} ${key} in ${environment} is at version ${version}, not ${expectedVersion}`,
      details: { ...details, expected: expectedVersion, current: version }
    })
  }
  return definition === null && (current === undefined || current.deleted)
    ? failure("NotFound", `there is no ${nouns[kind]} ${key} in ${environment} to archive`, { details })
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
  const needed = (key: string) => shape(key)?.prerequisites.map(({ flag }) => flag) ?? []
  const reached = reachedFrom(
    wish.prerequisites.map(({ flag }) => flag),
    needed
  )
  if (reached.has(wish.key)) {
    return failure("InvalidFlag", `${wish.key} needs itself, over its prerequisites`, { details }) // FN2
  }
  return reached.size > HOPS
    ? failure("InvalidFlag", `${wish.key} needs more than ${HOPS} flags, over its prerequisites`, { details })
    : undefined
}

/** Everything that can be reached, until it is too much. */
const reachedFrom = (first: Iterable<string>, next: (key: string) => Iterable<string>): ReadonlySet<string> => {
  const reached = new Set(first)
  for (const key of reached) {
    for (const one of next(key)) reached.add(one)
    if (reached.size > HOPS) break
  }
  return reached
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

/** FN4, FN2 */
const usedProblem = ({ kind, key, environment, uses = [] }: KeptWish, others: Others): HeraldError | undefined => {
  const name = kind === "flag" ? "InvalidFlag" : "InvalidSegment"
  const details = { key, environment }
  for (const used of uses) {
    if (others.uses(used) !== undefined) continue
    const [near] = nearby(used, others.segmentNames())
    return failure(
      name,
      `${key} names the rule ${excerpt(used)}, and ${environment} has no segment of that name${near === undefined ? "" : `; is ${near} meant?`}`,
      { details }
    )
  }
  const reached = reachedFrom(uses, (one) => others.uses(one) ?? [])
  if (kind === "segment" && reached.has(key)) {
    return failure(name, `${key} names itself, over the segments that it names`, { details })
  }
  return reached.size > HOPS
    ? failure(name, `${key} names more than ${HOPS} segments, over those that it names`, { details })
    : undefined
}

/** FN4 */
const stillUsed = ({ key, environment, definition }: KeptWish, { user }: Others): HeraldError | undefined => {
  const by = definition === null ? user(key) : undefined
  return by === undefined
    ? undefined
    : failure("SegmentUsed", `${by} in ${environment} names the segment ${key}`, { details: { key, environment, by } })
}

const fullProblem = (
  { kind, key, environment, definition, bytes }: KeptWish,
  current: Current,
  { before }: Others
): HeraldError | undefined => {
  if (definition === null) return undefined
  const name = kind === "flag" ? "FlagsFull" : "SegmentsFull"
  const details = { key, environment }
  const isNew = current === undefined || current.deleted
  if (isNew && before[kind].count >= most[kind])
    return failure(name, `${environment} has ${most[kind]} ${nouns[kind]}s already`, { details })
  return before[kind].bytes + bytes > mostBytes[kind]
    ? failure(
        name,
        `the definitions of ${nouns[kind]}s in ${environment} would have more than ${mostBytes[kind]} bytes`,
        {
          details
        }
      )
    : undefined
}
