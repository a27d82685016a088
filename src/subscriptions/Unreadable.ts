/** Partitions that could not be read when that was tried last, of the topics that are read for subscriptions. Part of Fetching. State. FJ5 */
import type { HeraldError } from "../errors/HeraldError.ts"
import type { PartitionId } from "../topics/Piece.ts"

/** Milliseconds of rest: so many times what the failure took, within these. */
const [TIMES, LEAST, MOST] = [2, 400, 10_000]

/** What one look has tried in vain so far, of one topic. FJ5 */
export class Tried {
  /** Milliseconds, all together. */
  #took = 0
  #why: HeraldError | undefined

  /** Why nothing more is begun in that look; undefined: it is. */
  get enough(): HeraldError | undefined {
    return this.#took > LEAST ? this.#why : undefined
  }

  /** `took`: milliseconds until that was known. */
  failed(why: HeraldError, took: number): void {
    this.#why ??= why
    this.#took += took
  }
}

interface One {
  readonly why: HeraldError
  /** It took more than that costs nobody anything: however often its log says that something came, it has its rest. */
  readonly isSlow: boolean
  /** Milliseconds: when it is tried again, if it is not slow. */
  until: number
}

interface Its {
  /** Milliseconds: when one of those that are slow is tried again. */
  until: number
  /** By partition, those that failed longest ago first. */
  readonly of: Map<number, One>
}

export class Unreadable {
  readonly #of = new Map<number, Its>()

  get isEmpty(): boolean {
    return this.#of.size === 0
  }

  /** Why it is not to be read now; undefined: it is. `now`: milliseconds. */
  why({ topic, partition }: PartitionId, now: number): HeraldError | undefined {
    const its = this.#of.get(topic)
    const one = its?.of.get(partition)
    return one !== undefined && now < (one.isSlow ? its!.until : one.until) ? one.why : undefined
  }

  /** Those of a topic that are not to be read now. */
  resting(topic: number, now: number): Set<number> {
    const all = [...(this.#of.get(topic)?.of.keys() ?? [])]
    return new Set(all.filter((partition) => this.why({ topic, partition }, now) !== undefined))
  }

  /** `took`: milliseconds until that was known. */
  failed({ topic, partition }: PartitionId, why: HeraldError, now: number, took: number): void {
    const its = this.#of.get(topic) ?? { until: 0, of: new Map<number, One>() }
    const isSlow = took > LEAST
    const until = now + Math.min(MOST, Math.max(LEAST, TIMES * took))
    if (isSlow) its.until = until
    its.of.delete(partition)
    its.of.set(partition, { why, isSlow, until })
    this.#of.set(topic, its)
  }

  /** It was read. */
  well({ topic, partition }: PartitionId): void {
    const its = this.#of.get(topic)
    if (its?.of.delete(partition) && its.of.size === 0) this.#of.delete(topic)
  }

  /** Its log says that something came; undefined: anywhere. What failed at once is tried again now, what is slow has its rest. */
  grown(which: PartitionId | undefined): void {
    const those = which === undefined ? this.#of.values() : [this.#of.get(which.topic)]
    for (const its of those)
      for (const one of which === undefined ? its!.of.values() : [its?.of.get(which.partition)])
        if (one !== undefined) one.until = 0
  }

  /** These of a topic, in the order in which they are to be read. */
  ordered<A>(topic: number, those: ReadonlyMap<number, A>): ReadonlyArray<readonly [partition: number, A]> {
    const bad = this.#of.get(topic)?.of
    if (bad === undefined) return [...those]
    const last = [...bad.keys()].flatMap((partition) =>
      those.has(partition) ? [[partition, those.get(partition)!] as const] : []
    )
    return [...[...those].filter(([partition]) => !bad.has(partition)), ...last]
  }

  /** Nobody reads that topic any more. */
  forget(topic: number): void {
    this.#of.delete(topic)
  }
}
