/**
 * Why a release that changes a key of a rollout is none of the rollout's own. Commits in memory ask here; herald_rollout_locks says the same in SQL,
 * for whatever comes from whichever door. Pure. RQ3
 */
import type { Release, Wish } from "../commits/Release.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { inRollout } from "./Limits.ts"
import type { Rollout, Target } from "./Rollout.ts"
import type { RolloutWish } from "./Wish.ts"

export const locksProblem = (
  { changes }: Pick<Release, "changes">,
  rolloutOf: (environment: string, target: Pick<Target, "kind" | "key">) => Rollout | undefined
): HeraldError | undefined => {
  for (const wish of changes) {
    if (wish.kind !== "configuration" && wish.kind !== "flag") continue
    const { environment, key } = wish
    const target = { kind: wish.kind, key } as const
    const wished = (wish as { readonly candidate?: number | undefined }).candidate
    const rollout = rolloutOf(environment, target)
    if (rollout === undefined) {
      if (wished === undefined) continue
      return failure("InvalidInput", `${key} in ${environment} has no candidate ${wished}`)
    }
    const version = rollout.targets.find((one) => one.kind === target.kind && one.key === key)?.version ?? 0
    if (!isOwn(moveOf(changes, rollout), version, wished)) return inRollout(target, rollout)
  }
  return undefined
}

const moveOf = (changes: ReadonlyArray<Wish>, { environment, key }: Rollout): string | undefined => {
  for (const wish of changes as ReadonlyArray<RolloutWish>) {
    if (wish.kind === "rollout" && wish.op === "move" && wish.environment === environment && wish.key === key)
      return wish.to
  }
  return undefined
}

/** `version`: of its candidate; 0: each stage makes a version. */
const isOwn = (becomes: string | undefined, version: number, wished: number | undefined): boolean => {
  switch (becomes) {
    case undefined:
      return false
    case "completed":
      return (wished ?? 0) === version
    case "rolled_back":
    case "aborted":
      return wished === undefined
    default:
      return version === 0 && wished === undefined
  }
}
