/**
 * Fixes, when a stage begins, how far it goes: `Begun.below`. Pure state.
 *
 *   BJ1  A percentage is that of all buckets, and a count takes the smallest of those that are connected; either has one instance at least, if
 *        any that the stage names is connected.
 *   BJ2  It depends on who is connected alone, not on the order in which they were read.
 *   BJ3  Whom a count takes, and the one at least, are taken by name, up to `NAMED` of them in all stages together: whoever comes later is in by a
 *        percentage only. Of three that are connected the smallest bucket may be a quarter of all.
 */

import type { Stage } from "../plans/Plan.ts"
import type { ClientView } from "../updates/Client.ts"
import { bucketOf, isNamed } from "./Cohort.ts"

/** BJ3 */
export const NAMED = 1_000
/** Of all buckets. */
export const ALL = 2 ** 32

/** `taken`: by name, by the stages before it. */
export const makeBound = (stage: Stage, salt: string, taken: ReadonlySet<string> = new Set()) => {
  const { share } = stage
  const those: Array<{ readonly bucket: number; readonly instance: string }> = []
  return {
    /** Takes in an instance that is connected and wants a target of the rollout. */
    add: (client: Pick<ClientView, "instance" | "labels">): void => {
      const { instance } = client
      if (isNamed(stage, client)) those.push({ bucket: bucketOf(salt, instance), instance })
    },
    /** Whom it takes (`Begun`), how many are connected of those whom the stage names, and how many of them are in it. */
    fix: (): {
      readonly below: number
      readonly also: ReadonlyArray<string>
      readonly named: number
      readonly within: number
    } => {
      those.sort((a, b) => a.bucket - b.bucket || (a.instance < b.instance ? -1 : 1)) // BJ2
      const named = those.length
      const namesOf = (count: number) => [
        ...new Set(those.slice(0, count).map(({ instance }) => instance)).difference(taken)
      ]
      if ("percent" in share) {
        const below = Math.min(ALL, Math.floor((share.percent / 100) * ALL))
        const within = those.findLastIndex(({ bucket }) => bucket < below) + 1
        const also = within === 0 && taken.size < NAMED ? namesOf(1) : []
        return { below, also, named, within: Math.max(within, Math.min(1, named)) }
      }
      const within = Math.min(share.count, named)
      const last = those[within - 1]
      const also = namesOf(within)
      return taken.size + also.length > NAMED && last !== undefined
        ? { below: last.bucket + 1, also: [], named, within }
        : { below: 0, also, named, within } // BJ3
    }
  }
}

/** Whether a stage has every instance there is, or will be. */
export const isEverybody = ({ where, instances, share }: Stage): boolean =>
  Object.keys(where).length === 0 && instances === undefined && "percent" in share && share.percent >= 100
