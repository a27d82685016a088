/**
 * Queues jobs that wait for a thread, fairly by owner. Pure state.
 *
 *   FQ1  Owners take turns, however much each has waiting; the jobs of one owner keep their order.
 *   FQ2  No owner runs more than `atOnce` jobs: with more threads than that, nobody's slow jobs hold all of them.
 *   FQ3  What waits is bounded in jobs and bytes, for an owner and in all; what does not fit is refused.
 */
export interface QueueBounds {
  /** Jobs of one owner that run. */
  readonly atOnce: number
  /** Jobs of one owner that wait, and their bytes. */
  readonly jobs: number
  readonly bytes: number
  /** Jobs that wait in all, and their bytes. */
  readonly allJobs: number
  readonly allBytes: number
}

interface Entry<A> {
  readonly bytes: number
  readonly item: A
}

interface Owner<A> {
  readonly waiting: Array<Entry<A>>
  bytes: number
  running: number
}

export class FairQueue<A> {
  /** In the order of their turns. */
  readonly #owners = new Map<string, Owner<A>>()
  readonly #bounds: QueueBounds
  #jobs = 0
  #bytes = 0

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#jobs
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Undefined: the job waits now. Otherwise whose share is full (FQ3). An empty queue takes a job of any size. */
  offer(owner: string, bytes: number, item: A): "owner" | "all" | undefined {
    const { jobs, bytes: ownBytes, allJobs, allBytes } = this.#bounds
    const own = this.#owners.get(owner) ?? { waiting: [], bytes: 0, running: 0 }
    if (own.waiting.length >= jobs || (own.waiting.length > 0 && own.bytes + bytes > ownBytes)) return "owner"
    if (this.#jobs >= allJobs || (this.#jobs > 0 && this.#bytes + bytes > allBytes)) return "all"
    if (own.waiting.length === 0) this.#toEnd(owner, own)
    own.waiting.push({ bytes, item })
    own.bytes += bytes
    this.#jobs++
    this.#bytes += bytes
    return undefined
  }

  /** Takes out the job whose turn it is. Call `done` when it has ended. */
  take(): { readonly owner: string; readonly item: A } | undefined {
    for (const [owner, own] of this.#owners) {
      if (own.waiting.length === 0 || own.running >= this.#bounds.atOnce) continue // FQ2
      const { bytes, item } = own.waiting.shift() as Entry<A>
      this.#gone(own, bytes)
      own.running++
      this.#toEnd(owner, own)
      return { owner, item }
    }
    return undefined
  }

  done(owner: string): void {
    const own = this.#owners.get(owner)
    if (own === undefined) return
    if (own.running === this.#bounds.atOnce) this.#toEnd(owner, own) // its turn comes after those who could run before it
    own.running--
    this.#forget(owner, own)
  }

  /** Removes a job that nobody waits for any more. */
  remove(owner: string, item: A): void {
    const own = this.#owners.get(owner)
    const at = own?.waiting.findIndex((entry) => entry.item === item) ?? -1
    if (own === undefined || at === -1) return
    const [entry] = own.waiting.splice(at, 1)
    this.#gone(own, entry?.bytes ?? 0)
    this.#forget(owner, own)
  }

  /** FQ1: the order is that in which owners had something that could run. */
  #toEnd(owner: string, own: Owner<A>): void {
    this.#owners.delete(owner)
    this.#owners.set(owner, own)
  }

  #gone(own: Owner<A>, bytes: number): void {
    own.bytes -= bytes
    this.#jobs--
    this.#bytes -= bytes
  }

  #forget(owner: string, own: Owner<A>): void {
    if (own.running === 0 && own.waiting.length === 0) this.#owners.delete(owner)
  }
}
