/** Who has the shares of a subscription, as it was told last. State, moved by Serving. SN5 */
import type { Standing } from "./CursorStore.ts"
import type { Held } from "./Held.ts"

export class Hands {
  /** Of what is known here. */
  stamp = ""
  count = 0
  /** Of the first: of a subscription with one share, who has all of it. */
  holder: string | undefined
  /** How many this run is to have beside those that it has. */
  missing = 0
  /** By share: its token. */
  #own: ReadonlyMap<number, bigint> = new Map()
  #free: ReadonlyArray<number> = []

  /** Returns those that this run has no more. */
  hear({ stamp, shares }: Standing, run: string, held: ReadonlyMap<number, Held>): ReadonlyArray<number> {
    this.stamp = stamp
    if (shares === undefined) return []
    this.count = shares.length
    this.holder = shares[0]?.run || undefined
    this.#own = new Map(shares.flatMap(({ share, run: by, token }) => (by === run ? [[share, token] as const] : [])))
    this.#free = shares.flatMap(({ share, run: by }) => (by === "" ? [share] : []))
    return shares.flatMap(({ share, run: by, token }) => {
      const its = held.get(share)
      // What was claimed since it was looked up has a newer token.
      return its !== undefined && (token > its.token || (by !== run && token === its.token)) ? [share] : []
    })
  }

  /** What is to be claimed: its own first, where the answer to a claim was lost. */
  wanted(held: ReadonlyMap<number, Held>): ReadonlyArray<number> {
    const own = [...this.#own.keys()].filter((share) => !held.has(share))
    return [...own, ...this.#free.filter((share) => !held.has(share))].slice(0, this.missing)
  }

  /** Its own by the store, and neither had here nor wanted: nobody else could have them. */
  strays(held: ReadonlyMap<number, Held>): ReadonlyArray<{ readonly share: number; readonly token: bigint }> {
    const own = [...this.#own].filter(([share]) => !held.has(share))
    return own.slice(this.missing).map(([share, token]) => ({ share, token }))
  }
}
