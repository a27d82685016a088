/** Partitions that could not be read when that was tried last, of the topics that are read for subscriptions. Part of Fetching. State. FJ5 */
import type { HeraldError } from "../errors/HeraldError.ts"
import type { PartitionId } from "../topics/Piece.ts"

/** Milliseconds of rest: so many times what the failure took, within these. */
const [TIMES, LEAST, MOST] = [2, 400, 10_000]

interface Its {
  /** Milliseconds: when one of them is tried again. */
  until: number
  /** By partition, those that failed longest ago first. */
  readonly why: Map<number, HeraldError>
}

export class Unreadable {
  readonly #of = new Map<number, Its>()

  get isEmpty(): boolean {
    return this.#of.size === 0
  }

  /** Why it is not to be read now; undefined: it is. `now`: milliseconds. */
  why({ topic, partition }: PartitionId, now: number): HeraldError | undefined {
    const its = this.#of.get(topic)
    return its !== undefined && now < its.until ? its.why.get(partition) : undefined
  }

  /** `took`: milliseconds until that was known. */
  failed({ topic, partition }: PartitionId, why: HeraldError, now: number, took: number): void {
    const its = this.#of.get(topic) ?? { until: 0, why: new Map<number, HeraldError>() }
    its.until = now + Math.min(MOST, Math.max(LEAST, TIMES * took))
    its.why.delete(partition)
    its.why.set(partition, why)
    this.#of.set(topic, its)
  }

  /** It was read, or its log says that something came. */
  well({ topic, partition }: PartitionId): void {
    const its = this.#of.get(topic)
    if (its?.why.delete(partition) && its.why.size === 0) this.#of.delete(topic)
  }

  /** These of a topic, in the order in which they are to be read. */
  ordered<A>(topic: number, those: ReadonlyMap<number, A>): ReadonlyArray<readonly [partition: number, A]> {
    const bad = this.#of.get(topic)?.why
    if (bad === undefined) return [...those]
    const last = [...bad.keys()].flatMap((partition) =>
      those.has(partition) ? [[partition, those.get(partition)!] as const] : []
    )
    return [...[...those].filter(([partition]) => !bad.has(partition)), ...last]
  }

  /** Nobody reads that topic any more; undefined: all may be well again. */
  forget(topic: number | undefined): void {
    if (topic === undefined) this.#of.clear()
    else this.#of.delete(topic)
  }
}
