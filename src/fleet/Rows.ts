/** Rows by id, oldest first, with their size in bytes. Pure state of Unwritten.ts. */

/** What a batch has room for; taking makes it less. */
export interface Room {
  rows: number
  bytes: number
}

export class Rows<A> {
  readonly #rows = new Map<string, A>()
  readonly #sizeOf: (row: A) => number
  bytes = 0

  constructor(sizeOf: (row: A) => number) {
    this.#sizeOf = sizeOf
  }

  get size(): number {
    return this.#rows.size
  }

  get(id: string): A | undefined {
    return this.#rows.get(id)
  }

  set(id: string, row: A): void {
    this.delete(id)
    this.#rows.set(id, row)
    this.bytes += this.#sizeOf(row)
  }

  /** In the place of the row that is there. */
  replace(id: string, row: A): void {
    this.bytes += this.#sizeOf(row) - this.#sizeOf(this.#rows.get(id)!)
    this.#rows.set(id, row)
  }

  delete(id: string): A | undefined {
    const row = this.#rows.get(id)
    if (row === undefined) return undefined
    this.bytes -= this.#sizeOf(row)
    this.#rows.delete(id)
    return row
  }

  shift(): A | undefined {
    for (const id of this.#rows.keys()) return this.delete(id)
    return undefined
  }

  /** Takes the oldest while there is room; false when some are left. */
  takeInto(list: Array<A>, room: Room): boolean {
    for (const [id, row] of this.#rows) {
      if (room.rows <= 0 || room.bytes <= 0) return false
      room.rows--
      room.bytes -= this.#sizeOf(row)
      this.delete(id)
      list.push(row)
    }
    return true
  }
}
