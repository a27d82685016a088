/**
 * The newest events of a partition, in batches that all readers share. Pure state.
 *
 *   BX3  What it holds follows without a hole, from `first` to `next`; what does not follow is not taken.
 *   BX4  It is bounded in bytes, of all that it keeps in memory: a batch that is closed has a copy of its own, so that no more than it is kept. What was not sent to those who are live is never given up: when that takes half of the room, no more is taken
 *        until it was sent.
 *   BX5  What came since the last round is one batch, or a few of `BATCH_BYTES`; a batch that was closed never changes.
 */
import { BATCH_BYTES, Batch } from "./Batch.ts"
import { fitting } from "./Rows.ts"

export interface Rows {
  /** Of the first. */
  readonly first: number
  readonly count: number
  readonly rows: Uint8Array
  /** When Herald had them, milliseconds since 1970. */
  readonly at: number
}

/** About what a batch takes beside its events, in bytes. */
const BESIDE = 512
/** About what a row takes beside its events until its batch is closed, in bytes. */
const ROW = 192

/** What comes into it until the next round. BX5 */
interface Open {
  readonly first: number
  readonly at: number
  last: number
  /** Events since the last change of time. */
  since: number
  readonly later: Array<number>
  readonly rows: Array<Uint8Array>
  count: number
  bytes: number
}

export class Ring {
  readonly partition: number
  readonly epoch: number
  /** Bytes. BX4 */
  #bound: number
  #batches: Array<Batch> = []
  #oldest = 0
  #open: Open | undefined
  #closed: number
  /** Everything below it was sent to those who are live. */
  #sent: number
  #unsent = 0
  bytes = 0
  next: number
  /** Up to there everybody was told how far it is, of whatever nothing was taken. */
  told: number

  constructor(partition: number, epoch: number, next: number, bound: number) {
    this.partition = partition
    this.epoch = epoch
    this.next = this.#closed = this.#sent = this.told = next
    this.#bound = bound
  }

  /** The first that it has; `next`, when there is none. */
  get first(): number {
    return this.#batches[this.#oldest]?.first ?? this.#open?.first ?? this.next
  }

  get sent(): number {
    return this.#sent
  }

  /** Whether more would be taken. BX4 */
  get hasRoom(): boolean {
    return this.#unsent * 2 < this.#bound
  }

  set bound(bytes: number) {
    this.#bound = bytes
    this.#trim()
  }

  /** Something was not sent yet. */
  get hasNews(): boolean {
    return this.#sent < this.next
  }

  /** Takes what follows; false when it does not follow, or there is no room: it is to be read from the log then. BX3, BX4 */
  push({ first, count, rows, at }: Rows): boolean {
    if (first !== this.next || !this.hasRoom) return false
    for (let [row, from, left] = [rows, first, count]; left > 0; ) {
      if (this.#open !== undefined && this.#open.bytes + row.length > BATCH_BYTES) this.close()
      const [events, end] = row.length <= BATCH_BYTES ? [left, row.length] : fitting(row, BATCH_BYTES)
      this.#put(from, events, end === row.length ? row : row.subarray(0, end), at)
      row = row.subarray(end)
      from += events
      left -= events
    }
    return true
  }

  #put(first: number, count: number, row: Uint8Array, at: number): void {
    const open = (this.#open ??= { first, at, last: at, since: 0, later: [], rows: [], count: 0, bytes: 0 })
    if (at !== open.last) {
      open.later.push(open.since, at - open.last)
      open.last = at
      open.since = 0
    }
    open.rows.push(row)
    open.since += count
    open.count += count
    open.bytes += row.length
    this.next = first + count
    this.bytes += row.length + ROW
    this.#unsent += row.length + ROW
  }

  /** Closes the batch that is open. BX5 */
  close(): void {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    const { partition, epoch } = this
    const { first, count, at, rows } = open
    const later = open.later.length === 0 ? undefined : open.later
    const own = [together(rows, open.bytes)]
    this.#batches.push(new Batch({ partition, epoch, first, count, at, rows: own, later, next: first + count }))
    this.#closed = first + count
    this.bytes += BESIDE - ROW * rows.length
    this.#unsent += BESIDE - ROW * rows.length
    this.#trim()
  }

  /** The batch that those who are live are to be sent next; undefined: none is closed. */
  get toSend(): Batch | undefined {
    return this.#sent < this.#closed ? this.at(this.#sent) : undefined
  }

  /** They were sent it. */
  wasSent(batch: Batch): void {
    this.#sent = batch.next
    this.#unsent -= batch.bytes + BESIDE
    this.#trim()
  }

  /** The closed batch that has the offset. */
  at(offset: number): Batch | undefined {
    if (offset >= this.#closed || offset < this.first) return undefined
    let [low, high] = [this.#oldest, this.#batches.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#batches[middle]!.first <= offset) low = middle
      else high = middle - 1
    }
    return this.#batches[low]
  }

  /** BX4 */
  #trim(): void {
    while (this.bytes > this.#bound && this.#oldest < this.#batches.length) {
      const batch = this.#batches[this.#oldest]!
      if (batch.next > this.#sent) return
      this.#batches[this.#oldest++] = undefined as never
      this.bytes -= batch.bytes + BESIDE
    }
    if (this.#oldest < 256 || this.#oldest * 2 < this.#batches.length) return
    this.#batches = this.#batches.slice(this.#oldest)
    this.#oldest = 0
  }
}

/** In memory of its own: one of a pool would keep all of the pool. BX4 */
const together = (rows: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  const all = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const row of rows) {
    all.set(row, at)
    at += row.length
  }
  return all
}
