/**
 * Sightings that wait to be written, merged. Pure state.
 *
 *   IW1  Of a session only the newest waits, however often it changes; so what waits is bounded by sessions, and by `MOST`. What is dropped is
 *        said, so that all is told again, once there is room for it: whoever tells it all at once would only drop it again.
 *   IW2  A batch has one sighting an instance, in the order in which its sessions were heard: none is overtaken, but for one that came too early,
 *        which the store knows to be late (EE2).
 *   IW3  What was taken waits on until it is said that it was written, and longer if it changed meanwhile. What came too early is tried while its
 *        session is here, and for a while if it is not; behind all others, so that it keeps nothing from being written.
 */
import type { Sighting } from "../rollouts/Sighting.ts"

/** Of one batch. */
export const BATCH = 2_000
/** IW1 */
const MOST = 100_000
/** Nanoseconds for which a sighting is tried of which the store does not know yet whether its session, which is not here, has the instance. */
const EARLY = 10n * 1_000_000_000n

interface Waiting {
  readonly sighting: Sighting
  /** Since when it has come too early; undefined: it was not tried. Monotonic. */
  since: bigint | undefined
}

const idOf = ({ environment, rollout, service, instance }: Sighting): string =>
  `${environment}\u0000${rollout}\u0000${service}\u0000${instance}`

export class Sightings {
  readonly #waiting = new Map<string, Waiting>()
  readonly #most: number
  readonly #batch: number
  #dropped = false

  constructor({ most = MOST, batch = BATCH }: { readonly most?: number; readonly batch?: number } = {}) {
    this.#most = most
    this.#batch = batch
  }

  get size(): number {
    return this.#waiting.size
  }

  add(sighting: Sighting): void {
    const id = `${sighting.session}\u0000${idOf(sighting)}`
    this.#waiting.set(id, { sighting, since: undefined })
    if (this.#waiting.size <= this.#most) return
    for (const [oldest] of this.#waiting) {
      this.#waiting.delete(oldest)
      this.#dropped = true
      return
    }
  }

  /** For all of one rollout. IW1 */
  get hasRoom(): boolean {
    return this.#waiting.size <= this.#most / 2
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
    for (const { sighting } of this.#waiting.values()) {
      const id = idOf(sighting)
      if (taken.has(id)) continue
      taken.add(id)
      if (batch.push(sighting) === this.#batch) break
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
      const id = `${sighting.session}\u0000${idOf(sighting)}`
      const waiting = this.#waiting.get(id)
      if (waiting?.sighting !== sighting) continue
      waiting.since ??= now
      this.#waiting.delete(id)
      if (!early.has(sighting.session) || (now - waiting.since > EARLY && !isHere(sighting))) continue
      this.#waiting.set(id, waiting)
      kept++
    }
    return kept
  }

  /** Forgets what is of a rollout that is over. */
  forget(environment: string, rollout: string): void {
    for (const [id, { sighting }] of this.#waiting)
      if (sighting.rollout === rollout && sighting.environment === environment) this.#waiting.delete(id)
  }
}
