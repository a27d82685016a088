/** What a `State` has of instances in rollouts: the counterpart of the tables of migration 0034. */
import type { Condition } from "../../../src/rollouts/Evidence.ts"
import type { Sighting } from "../../../src/rollouts/EvidenceStore.ts"

export interface Seen extends Sighting {
  /** Sessions that broke. */
  readonly breaks: number
  /** How often it became bad. */
  readonly bads: number
  readonly waitsSince: number | undefined
  readonly at: number
}

/** What one run told of a rollout. */
export interface Told {
  readonly environment: string
  readonly rollout: string
  readonly run: string
  version: number
  timeoutMillis: number
  writes: bigint
}

export class EvidenceTables {
  /** By rollout, service and instance. */
  readonly instances = new Map<string, Seen>()
  /** By rollout and run. */
  readonly nodes = new Map<string, Told>()
  readonly metrics = new Map<
    string,
    { readonly rollout: string; readonly run: string; readonly side: string; readonly metric: string; total: number }
  >()
  /** Runs, and when each said last that all that it heard is written. */
  readonly runs = new Map<string, number>()
  /** Runs that ended by themselves, and when. */
  readonly left = new Map<string, number>()

  readonly told = (environment: string, rollout: string, run: string): Told => {
    const id = `${environment}/${rollout}/${run}`
    let told = this.nodes.get(id)
    if (told === undefined)
      this.nodes.set(id, (told = { environment, rollout, run, version: 0, timeoutMillis: 90_000, writes: 0n }))
    return told
  }
}

export const isBad = (is: Condition): boolean => is === "unhealthy" || is === "rejected" || is === "gone"
