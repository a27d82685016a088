/**
 * Sightings that wait to be written, merged. Pure state.
 *
 *   IW1  Of a session only the newest waits, however often it changes; so what waits is bounded by sessions, and by `MOST`. What is dropped is
 *        said, so that all is told again, once there is room for it: whoever tells it all at once would only drop it again. First what came too early.
 *   IW2  A batch has one sighting an instance, in the order in which its sessions were heard: none is overtaken, but for one that came too early,
 *        which the store knows to be late (EE2).
 *   IW3  What was taken waits on until it is said that it was written, and longer if it changed meanwhile. What came too early is tried while its
 *        session is here, and for a while if it is not; behind all that was not tried yet, so that it keeps nothing from being written.
 */
import type { Sighting } from "../rollouts/Sighting.ts"

/** Of one batch. */
export const BATCH = 2_000
/** IW1 */
const MOST = 100_000
/** Nanoseconds for which a sighting is tried of which the store does not know yet whether its session, which is not here, has the instance. */
const EARLY = 10n * 1_000_000_000n

interface Early {
  readonly sighting: Sighting
  /** Since when it has come too early. Monotonic. */
  readonly since: bigint
}

const idOf = ({ environment, rollout, service, instance }: Sighting): string =>
  `${environment}\u0000${rollout}\u0000${service}\u0000${instance}`

/** A session, and what it says that of. */
const placeOf = (sighting: Sighting): string => `${sighting.session}\u0000${idOf(sighting)}`

export class Sightings {
  readonly #untried = new Map<string, Sighting>()
  /** None that is among the untried. IW3 */
  readonly #early = new Map<string, Early>()
  readonly #most: number
  readonly #batch: number
  #dropped = false

  constructor({ most = MOST, batch = BATCH }: { readonly most?: number; readonly batch?: number } = {}) {
    this.#most = most
    this.#batch = batch
  }

  get size(): number {
    return this.#untried.size + this.#early.size
  }

  /** Something waits that did not come too early. IW3 */
  get hasUntried(): boolean {
    return this.#untried.size > 0
  }

  add(sighting: Sighting): void {
    const place = placeOf(sighting)
    this.#early.delete(place)
    this.#untried.set(place, sighting)
    if (this.size <= this.#most) return
    const dropped = this.#early.size > 0 ? this.#early : this.#untried
    for (const oldest of dropped.keys()) {
      dropped.delete(oldest)
      this.#dropped = true
      return
    }
  }

  /** For all of one rollout. IW1 */
  get hasRoom(): boolean {
    return this.size <= this.#most / 2
  }

  /** Something was dropped, and is not told again yet. IW1 */
  get lacks(): boolean {
    return this.#dropped
  }

  /** Whether something was dropped since this was last asked. */
  wasDropped(): boolean {
    const dropped = this.#dropped
    this.#dropped = false
    return dropped
  }

  /** IW2 */
  take(): ReadonlyArray<Sighting> {
    const batch: Array<Sighting> = []
    const taken = new Set<string>()
    const take = (sighting: Sighting): void => {
      const id = idOf(sighting)
      if (taken.has(id)) return
      taken.add(id)
      batch.push(sighting)
    }
    for (const sighting of this.#untried.values()) {
      if (batch.length === this.#batch) return batch
      take(sighting)
    }
    for (const { sighting } of this.#early.values()) {
      if (batch.length === this.#batch) return batch
      take(sighting)
    }
    return batch
  }

  /**
   * `early`: sessions whose sightings have to be written once more. `isHere`: whether the session has its instance, at this node. Returns how many of the
   * batch came too early and wait on. IW3
   */
  written(
    batch: ReadonlyArray<Sighting>,
    early: ReadonlySet<string>,
    now: bigint,
    isHere: (sighting: Sighting) => boolean
  ): number {
    let kept = 0
    for (const sighting of batch) {
      const place = placeOf(sighting)
      const known = this.#early.get(place)
      if ((known?.sighting ?? this.#untried.get(place)) !== sighting) continue
      const since = known?.since ?? now
      this.#untried.delete(place)
      this.#early.delete(place)
      if (!early.has(sighting.session) || (now - since > EARLY && !isHere(sighting))) continue
      this.#early.set(place, { sighting, since })
      kept++
    }
    return kept
  }

  /** Forgets what is of a rollout that is over. */
  forget(environment: string, rollout: string): void {
    const isOfIt = (sighting: Sighting): boolean => sighting.rollout === rollout && sighting.environment === environment
    for (const [place, sighting] of this.#untried) if (isOfIt(sighting)) this.#untried.delete(place)
    for (const [place, { sighting }] of this.#early) if (isOfIt(sighting)) this.#early.delete(place)
  }
}
