/**
 * Who has the shares of a subscription, as it was told last. State, moved by Serving. SN5
 *
 *   HN1  Where nothing of that has changed nothing is gone through, however many shares there are.
 */
import type { Standing } from "./CursorStore.ts"
import type { Held } from "./Held.ts"
import { quotasOf, sameWeights, type Weight } from "./Quotas.ts"

type Shares = ReadonlyMap<number, Held>

/** What a quota was worked out from, and what it came to. */
interface Worked {
  readonly count: number
  readonly holder: string | undefined
  readonly nodes: ReadonlyArray<Weight>
  readonly quota: number
}

export class Hands {
  /** Of what is known here. */
  stamp = ""
  /** Counts answers of the store: by which one it was told. */
  told = 0
  count = 0
  /** Of the first: of a subscription with one share, who has all of it. */
  holder: string | undefined
  /** How many this run is to have beside those that it has. */
  missing = 0
  /** By share: its token. */
  #own: ReadonlyMap<number, bigint> = new Map()
  /** Those of its own that are not here. */
  readonly #elsewhere = new Map<number, bigint>()
  #free: ReadonlyArray<number> = []
  #worked: Worked | undefined

  /** Returns those that this run has no more. */
  hear({ stamp, shares }: Standing, run: string, held: Shares): ReadonlyArray<number> {
    if (shares === undefined) return [] // It may have been forgotten since, to be told again.
    this.stamp = stamp
    this.count = shares.length
    this.holder = shares[0]?.run || undefined
    this.#own = new Map(shares.flatMap(({ share, run: by, token }) => (by === run ? [[share, token] as const] : [])))
    this.#elsewhere.clear()
    for (const [share, token] of this.#own) if (!held.has(share)) this.#elsewhere.set(share, token)
    this.#free = shares.flatMap(({ share, run: by }) => (by === "" ? [share] : []))
    return shares.flatMap(({ share, run: by, token }) => {
      const its = held.get(share)
      // What was claimed since it was looked up has a newer token.
      return its !== undefined && (token > its.token || (by !== run && token === its.token)) ? [share] : []
    })
  }

  /** It is here now. */
  came(share: number): void {
    this.#elsewhere.delete(share)
  }

  /** It is here no more. */
  went(share: number): void {
    const token = this.#own.get(share)
    if (token !== undefined) this.#elsewhere.set(share, token)
  }

  /** How many this run is to have. HN1 */
  quota(run: string, nodes: ReadonlyArray<Weight>): number {
    const { count, holder } = this
    const worked = this.#worked
    if (worked?.count === count && worked.holder === holder && sameWeights(worked.nodes, nodes)) return worked.quota
    const quota = quotasOf(count, nodes, holder).get(run) ?? 0
    this.#worked = { count, holder, nodes, quota }
    return quota
  }

  /** What is to be claimed: its own first, where the answer to a claim was lost. */
  wanted(held: Shares): ReadonlyArray<number> {
    const found = [...this.#elsewhere.keys()].slice(0, this.missing)
    if (found.length === this.missing) return found
    for (const share of this.#free) {
      if (!held.has(share)) found.push(share)
      if (found.length === this.missing) break
    }
    return found
  }

  /** Its own by the store, and neither had here nor wanted: nobody else could have them. */
  get strays(): ReadonlyArray<{ readonly share: number; readonly token: bigint }> {
    return this.#elsewhere.size <= this.missing
      ? []
      : [...this.#elsewhere].slice(this.missing).map(([share, token]) => ({ share, token }))
  }
}
