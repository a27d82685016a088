/** What a `State` has of rollouts: the counterpart of the tables of migration 0032. */

import { isOver, type Rollout, type Target } from "../../../src/rollouts/Rollout.ts"
import type { CandidateWish } from "../../../src/rollouts/Wish.ts"

export interface Candidate extends Pick<CandidateWish, "wish" | "bytes" | "digest"> {
  readonly kind: Target["kind"]
  readonly environment: string
  readonly key: string
  readonly version: number
  readonly rollout: string
  readonly revision: bigint
  readonly state: "candidate" | "withdrawn" | "promoted"
  readonly madeAt: number
  readonly madeBy: string
  readonly message: string
}

interface Key {
  /** The last one of the key. */
  readonly rollout: string
  /** The highest number that any candidate of it ever had. */
  readonly top: number
  readonly taken: bigint
}

type Of = Pick<Target, "kind" | "key">

export class RolloutTables {
  /** By "<environment>/<id>", the newest version of each, in the order in which they began. */
  readonly rows = new Map<string, Rollout>()
  /** Ascending, by the same. */
  readonly history = new Map<string, Array<Rollout>>()
  /** Whose decisions are taken, and how many instances became bad. */
  readonly marks = new Map<string, { fence: bigint; bad: bigint }>()
  /** By key, ascending. */
  readonly candidates = new Map<string, ReadonlyArray<Candidate>>()
  readonly keys = new Map<string, Key>()

  readonly nameOf = (environment: string, { kind, key }: Of): string => `${environment}/${kind}/${key}`

  /** The active rollout of a key. */
  readonly active = (environment: string, target: Of): Rollout | undefined => {
    const last = this.last(environment, target)
    return last === undefined || isOver(last.state) ? undefined : last
  }

  last(environment: string, target: Of): Rollout | undefined {
    const id = this.keys.get(this.nameOf(environment, target))?.rollout
    return id === undefined ? undefined : this.rows.get(`${environment}/${id}`)
  }

  candidatesOf(environment: string, target: Of): ReadonlyArray<Candidate> {
    return this.candidates.get(this.nameOf(environment, target)) ?? []
  }

  /** The versions of a key, ascending, with its candidates; each with what rollouts have to do with it. `shown`: a candidate as a version. */
  withCandidates<V extends { readonly version: number }>(
    environment: string,
    target: Of,
    versions: ReadonlyArray<V>,
    shown: (candidate: Candidate) => V
  ): ReadonlyArray<V> {
    const candidates = this.candidatesOf(environment, target)
    if (candidates.length === 0) return versions
    const states = new Map(candidates.map(({ version, rollout: id, state }) => [version, { id, state }]))
    return [...versions, ...candidates.filter(({ state }) => state !== "promoted").map(shown)]
      .map((one) => (states.has(one.version) ? { ...one, rollout: states.get(one.version) } : one))
      .sort((a, b) => a.version - b.version)
  }

  /** The number of the next plain version. `newest`: of the newest version, 0 before the first. */
  next(environment: string, target: Of, newest: number): number {
    return Math.max(newest, this.keys.get(this.nameOf(environment, target))?.top ?? 0) + 1
  }
}
