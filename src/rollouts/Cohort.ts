/**
 * Says who is in a rollout's cohort. Pure, total, and the only place that knows: RQ2 of Rollout.ts.
 *
 *   CE1  An instance is in a stage that was begun if it has the stage's labels, is in its list, and its bucket is below what was fixed
 *        then, or it was taken by its name.
 *        The first such stage says since when it has the change.
 *   CE2  A bucket is murmur3-32 (x86, seed 0) of salt, U+0000 and the instance's name in UTF-8, of 2^32: other rollouts have other first ones.
 */
import { hashText } from "../evaluation/Murmur.ts"
import type { Stage } from "../plans/Plan.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Begun, Rollout } from "./Rollout.ts"

/** 0 to 2^32 − 1. CE2 */
export const bucketOf = (salt: string, instance: string): number => hashText(`${salt}\u0000${instance}`)

const sets = new WeakMap<ReadonlyArray<string>, ReadonlySet<string>>()
/** Lists are asked for each client anew. */
const setOf = (instances: ReadonlyArray<string>): ReadonlySet<string> => {
  const known = sets.get(instances) ?? new Set(instances)
  sets.set(instances, known)
  return known
}

/** Whom a stage names, whatever its share. */
export const isNamed = ({ where, instances }: Stage, client: Pick<ClientView, "instance" | "labels">): boolean => {
  if (instances !== undefined && !setOf(instances).has(client.instance)) return false
  for (const label in where) if (client.labels[label] !== where[label]) return false
  return true
}

/** Whether a stage that was begun took an instance, if it names it. */
export const wasTaken = ({ below, also }: Begun, bucket: number, instance: string): boolean =>
  bucket < below || (also !== undefined && setOf(also).has(instance))

/** All that stages took by name. */
export const takenBy = (begun: ReadonlyArray<Begun>): ReadonlySet<string> =>
  new Set(begun.flatMap(({ also = [] }) => also))

/** The stage that the instance came in with; undefined: it is not in the cohort. CE1 */
export const cameIn = (
  { plan, salt, begun }: Pick<Rollout, "plan" | "salt" | "begun">,
  client: Pick<ClientView, "instance" | "labels">
): (Begun & { readonly stage: number }) | undefined => {
  const bucket = bucketOf(salt, client.instance)
  for (let stage = 0; stage < begun.length; stage++) {
    const one = begun[stage]!
    if (wasTaken(one, bucket, client.instance) && isNamed(plan.stages[stage]!, client)) return { ...one, stage }
  }
  return undefined
}
