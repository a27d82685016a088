/** Keeps keys sorted by code units, in blocks, so that one added to 1,000,000 moves at most `BLOCK` of them. Pure state. */
const BLOCK = 1_024

/** The first place in `sorted` at or after `key`; after it, when `orAt` is false. */
const placeOf = (sorted: ReadonlyArray<string>, key: string, orAt: boolean): number => {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const before = orAt ? sorted[middle]! < key : sorted[middle]! <= key
    if (before) low = middle + 1
    else high = middle
  }
  return low
}

export class SortedKeys {
  /** None is empty. */
  readonly #blocks: Array<Array<string>> = []
  /** The last key of each block. */
  readonly #lasts: Array<string> = []
  #size = 0

  get size(): number {
    return this.#size
  }

  add(key: string): void {
    if (this.#blocks.length === 0) {
      this.#blocks.push([])
      this.#lasts.push(key)
    }
    const last = this.#blocks.length - 1
    const at = Math.min(placeOf(this.#lasts, key, true), last)
    const block = this.#blocks[at]!
    const place = placeOf(block, key, true)
    if (block[place] === key) return
    this.#size++
    if (block.length >= BLOCK && at === last && place === block.length) {
      this.#blocks.push([key]) // keys that come in order, as at the start, leave full blocks
      this.#lasts.push(key)
      return
    }
    block.splice(place, 0, key)
    if (block.length > BLOCK) {
      this.#blocks.splice(at + 1, 0, block.splice(BLOCK >> 1))
      this.#lasts.splice(at, 1, block.at(-1)!, this.#blocks[at + 1]!.at(-1)!)
    } else this.#lasts[at] = block.at(-1)!
  }

  delete(key: string): void {
    const at = placeOf(this.#lasts, key, true)
    const block = this.#blocks[at]
    const place = block === undefined ? 0 : placeOf(block, key, true)
    if (block?.[place] !== key) return
    this.#size--
    block.splice(place, 1)
    if (block.length === 0) {
      this.#blocks.splice(at, 1)
      this.#lasts.splice(at, 1)
    } else this.#lasts[at] = block.at(-1)!
  }

  /** Keys in order, from `from` on; without it, unless `inclusive`. Don't change the set meanwhile. */
  *from(from: string, inclusive: boolean): Generator<string, void> {
    let at = placeOf(this.#lasts, from, inclusive)
    let place = this.#blocks[at] === undefined ? 0 : placeOf(this.#blocks[at]!, from, inclusive)
    for (; at < this.#blocks.length; at++, place = 0) {
      const block = this.#blocks[at]!
      for (; place < block.length; place++) yield block[place]!
    }
  }
}
