/**
 * How much an environment may hold of what is current: keys (configurations, flags, segments), and their bytes. The functions of migration 0046 say
 * the same in SQL, under the lock of a commit. Pure.
 *
 *   EQ1  A commit that would make more of something than its quota allows is refused whole, and told by how much; one that makes no more of it
 *        never is, however far above it the environment is.
 *   EQ2  What counts is what is there: the sums are written by the commits that change it. Each day they are compared with it, and what others made of it
 *        is added.
 *   EQ3  There is room for the way back: a rollout that is rolled back or aborted is counted and never refused, and a rollback has a tenth more room than
 *        its quota. No more, or what was deleted could be made again and again.
 */
import { Context } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"

export interface Amount {
  readonly keys: number
  /** UTF-8: of values with their schemas, of definitions, and of lists of ids. */
  readonly bytes: number
}

export interface QuotasOf extends Amount {
  /** Of some environments, whatever else they may hold. */
  readonly of: ReadonlyMap<string, Partial<Amount>>
}

export const quotaIn = ({ of, keys, bytes }: QuotasOf, environment: string): Amount => ({
  keys,
  bytes,
  ...of.get(environment)
})

/** `adds`: what a release makes more; `isBack`: it is a rollback (EQ3). An `EnvironmentFull`; undefined: it may. EQ1 */
export const fullProblem = (
  environment: string,
  used: Amount,
  adds: Amount,
  quotas: QuotasOf,
  isBack = false
): HeraldError | undefined => {
  const limits = quotaIn(quotas, environment)
  const quota = (["keys", "bytes"] as const).find(
    (one) => adds[one] > 0 && used[one] + adds[one] > limits[one] + (isBack ? Math.floor(limits[one] / 10) : 0)
  )
  if (quota === undefined) return undefined
  const [its, more, limit] = [used[quota], adds[quota], limits[quota]]
  return failure(
    "EnvironmentFull",
    `${environment} holds ${its} ${quota}, and this adds ${more}: more than its quota of ${limit}`,
    { details: { environment, quota, used: its, adds: more, limit } }
  )
}

/** What a node asks the store to hold commits to. */
export const Quotas = Context.Reference<QuotasOf>("herald/limits/Quotas", {
  defaultValue: () => ({ keys: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER, of: new Map() })
})
