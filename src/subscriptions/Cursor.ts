/**
 * What is open of one slice of a partition: what waits, is with consumers, failed; and what of that is kept. Pure state.
 *
 *   CB1, CB2, CB3 in SavedCursor.ts
 *   CG1  What was offered once is kept track of until it is done; it may be offered again for its body alone.
 *   CG2  Bodies are there only of what waits, and go when they take too much: whoever hands out asks for them again.
 */
import { type Item, insert, type Read, remove } from "./Item.ts"
import { Lane } from "./Lane.ts"
import type { Ranges } from "./Ranges.ts"
import { causeOf, type Failed, OPEN, rangesOf, type SavedCursor } from "./SavedCursor.ts"
import { hashOfOffset, type Slice } from "./Share.ts"

export interface CursorOptions {
  readonly slice: Slice
  readonly share: number
  maxAttempts: number
  /** Events without a key keep their order among each other; of those with one it is always so, but for `unordered`. */
  readonly order: "unordered" | "keys" | "all"
  /** Offset behind the last event that there was when it was read: later ones were with nobody. */
  readonly end: number
  readonly open?: number
}

/** Lane of events without a key, where they have one. */
const KEYLESS = -1
/** Offsets for which the mark is ahead at least, so that an event that comes alone waits for no write. */
const AHEAD = 256

const failedOf = ({ offset, attempts, due, alone, cause, dead }: Item<unknown>): Failed => ({
  ...{ offset, attempts, due, alone, cause, rejected: dead === "rejected" }
})

const shortened = (cause: string, most: number): string => cause.slice(0, most).toWellFormed()

export class Cursor<B> {
  readonly slice: Slice
  readonly share: number
  readonly logEpoch: number
  readonly waiting: Array<Item<B>> = []
  readonly items = new Map<number, Item<B>>()
  /** The next that is read. */
  scan: number
  /** Nothing goes out at or above it. CB2 */
  durableMark: number
  mark: number
  /** Of the state as it is. */
  version = 0
  /** Gives nothing out any more, and is given up when nothing is under way. */
  draining = false
  bytes = 0
  readonly #options: CursorOptions
  readonly #lanes = new Map<number, Lane<B>>()
  readonly #done: Ranges
  /** Of what was not offered since it was read, by offset. */
  readonly #failed: Map<number, Failed>
  /** Below it, what is not done may have been with a consumer before a crash. */
  readonly #suspect: number
  readonly #open: number
  /** The last offset that went out, and one. */
  #gone: number
  /** Offsets for which the mark is set ahead: more where what goes out meets it. */
  #ahead = AHEAD
  #stalled = false

  constructor(options: CursorOptions, saved: SavedCursor) {
    this.#options = { ...options }
    this.slice = options.slice
    this.share = options.share
    this.logEpoch = saved.logEpoch
    this.#open = options.open ?? OPEN
    this.#done = rangesOf(saved)
    this.#failed = new Map(saved.failed.map((one) => [one.offset, one]))
    this.scan = this.#done.floor
    // Given up clean, it has to be kept anew before anything goes out: else a crash would count nothing.
    this.mark = this.durableMark = saved.clean ? saved.floor : Math.max(saved.mark, saved.floor)
    this.#suspect = saved.clean ? 0 : Math.min(saved.mark, options.end)
    this.#gone = saved.floor
  }

  /** SI4 */
  set maxAttempts(most: number) {
    this.#options.maxAttempts = most
  }

  get floor(): number {
    return this.#done.floor
  }

  get holes(): number {
    return this.#done.count
  }

  /** No more is seen until some is done. CB3 */
  get full(): boolean {
    return this.items.size >= this.#open
  }

  /** Whether nothing of it is under way. */
  get isIdle(): boolean {
    return this.items.size === this.waiting.length
  }

  isDone(offset: number): boolean {
    return this.#done.has(offset)
  }

  lane(item: Item<B>): Lane<B> | undefined {
    return item.lane === undefined ? undefined : this.#lanes.get(item.lane)
  }

  change(item: Item<B>, change: Partial<Pick<Item<B>, "stage" | "attempts">>): void {
    const lane = this.lane(item)
    if (lane === undefined) Object.assign(item, change)
    else lane.change(item, change)
  }

  #attempts(offset: number): Pick<Item<B>, "attempts" | "alone" | "due" | "cause" | "dead"> {
    const { attempts = 0, alone = false, due = 0, cause = "", rejected = false } = this.#failed.get(offset) ?? {}
    const dead = rejected ? "rejected" : undefined
    if (rejected || offset >= this.#suspect) return { attempts, alone, due, cause, dead }
    const { maxAttempts } = this.#options
    // CB2. With its last attempt behind it, it can't have been with anybody once more.
    const counts =
      alone || attempts + 1 < maxAttempts || (maxAttempts === 1 && attempts === 0) || attempts > maxAttempts
    const lost = "the node that delivered it ended"
    return { attempts: counts ? attempts + 1 : attempts, alone: false, due, cause: lost, dead }
  }

  #laneOf(hash: number | null): number | undefined {
    if (this.#options.order === "unordered") return undefined
    return hash ?? (this.#options.order === "all" ? KEYLESS : undefined)
  }

  /**
   * Takes what was read of [from, to): what is not among the events is done. Of what is known already it takes the body. Returns those that are
   * new; fewer than were read when it is full.
   */
  offer(from: number, to: number, reads: ReadonlyArray<Read<B>>, version: number): ReadonlyArray<Item<B>> {
    const made: Array<Item<B>> = []
    for (const read of reads) {
      const known = this.items.get(read.offset)
      if (known !== undefined) {
        if (known.stage === "waiting" && known.body === undefined) this.#fill(known, read.body)
        continue
      }
      if (read.offset < this.scan || from > this.scan) continue
      const hash = read.hash ?? hashOfOffset(read.offset)
      if (this.#done.has(read.offset) || hash < this.slice.from || hash >= this.slice.to) continue
      this.#behind(read.offset, version)
      if (this.full) return made
      const { offset, bytes } = read
      const kept = this.#attempts(offset)
      const changed = offset < this.#suspect
      const item: Item<B> = {
        ...{ offset, hash, lane: this.#laneOf(read.hash), bytes, body: undefined, stage: "waiting", ...kept },
        ...{ version: changed ? version : 0, token: 0, session: "", until: 0 }
      }
      if (changed) this.version = version
      this.#failed.delete(offset)
      this.items.set(offset, item)
      insert(this.waiting, item)
      this.#fill(item, read.body)
      if (item.lane !== undefined) {
        const lane = this.#lanes.get(item.lane) ?? new Lane<B>()
        this.#lanes.set(item.lane, lane)
        lane.add(item)
      }
      this.scan = offset + 1
      made.push(item)
    }
    if (from <= this.scan) this.#behind(to, version)
    return made
  }

  /** What is behind `scan` up to there is of no concern. */
  #behind(to: number, version: number): void {
    if (to <= this.scan) return
    this.#done.add(this.scan, to)
    this.scan = to
    this.version = version
  }

  #fill(item: Item<B>, body: B): void {
    item.body = body
    this.bytes += item.bytes
  }

  /** CG2 */
  empty(item: Item<B>): void {
    if (item.body === undefined) return
    item.body = undefined
    this.bytes -= item.bytes
  }

  /** It waits again. */
  back(item: Item<B>): void {
    this.change(item, { stage: "waiting" })
    insert(this.waiting, item)
  }

  /** It waits no more, and is not done. */
  unwait(item: Item<B>): void {
    remove(this.waiting, item)
    this.empty(item)
  }

  /** Nothing of it is open any more. */
  finish(item: Item<B>, version: number): void {
    this.#done.add(item.offset, item.offset + 1)
    this.version = version
    this.forget(item)
  }

  /** What is saved from now on says that it is done; it is, and its lane goes on, once that is durable. */
  bury(item: Item<B>, version: number): void {
    this.change(item, { stage: "buried" })
    item.version = this.version = version
  }

  /** It could not be written: it is to be among the dead letters still. */
  unbury(item: Item<B>, version: number): void {
    this.change(item, { stage: "dead" })
    item.version = this.version = version
  }

  /** That it is among the dead letters is durable. */
  settle(item: Item<B>): void {
    this.#done.add(item.offset, item.offset + 1)
    this.forget(item)
  }

  forget(item: Item<B>): void {
    if (item.stage === "waiting") this.unwait(item)
    this.items.delete(item.offset)
    if (item.lane !== undefined && this.#lanes.get(item.lane)?.delete(item)) this.#lanes.delete(item.lane)
    item.stage = "gone"
  }

  /** There is nothing in [from, to) any more: returns what was open of it. What was read for the dead letters is written there still. */
  gap(from: number, to: number, version: number): ReadonlyArray<Item<B>> {
    const lost: Array<Item<B>> = []
    for (const item of this.items.values())
      if (item.offset >= from && item.offset < to && item.stage !== "buried") lost.push(item)
    for (const item of lost) this.forget(item)
    for (const offset of this.#failed.keys()) if (offset >= from && offset < to) this.#failed.delete(offset)
    this.#done.add(from, to)
    if (from <= this.scan) this.scan = Math.max(this.scan, to)
    this.version = version
    return lost
  }

  /** Whether it may go out as far as what is kept says so; if not, makes that it will be. CB2 */
  isKept(item: Item<B>, durable: number, version: number): boolean {
    const stalled = item.offset >= this.durableMark
    if (item.offset >= this.mark || (!stalled && item.offset + this.#ahead / 2 > this.mark)) {
      if (stalled) this.#ahead = Math.min(OPEN, 2 * this.#ahead)
      this.mark = Math.max(this.mark, item.offset + this.#ahead)
      this.version = version
    }
    this.#stalled ||= stalled
    return !stalled && item.version <= durable
  }

  /** This state of it is durable now. */
  kept(mark: number): void {
    this.durableMark = Math.max(this.durableMark, mark)
    if (!this.#stalled) this.#ahead = Math.max(AHEAD, Math.floor(this.#ahead / 2))
    this.#stalled = false
  }

  went(item: Item<B>): void {
    this.empty(item)
    this.#gone = Math.max(this.#gone, item.offset + 1)
  }

  /** `clean`: nothing is under way, and it is given up. */
  save(clean: boolean): SavedCursor {
    const failed = [...this.#failed.values()]
    let done = this.#done
    for (const item of this.items.values())
      if (item.stage === "buried") {
        if (done === this.#done) done = done.copy()
        done.add(item.offset, item.offset + 1)
      } else if (item.attempts > 0 || item.alone) failed.push(failedOf(item))
    failed.sort((a, b) => a.offset - b.offset)
    const most = causeOf(failed.length)
    return {
      logEpoch: this.logEpoch,
      floor: done.floor,
      ranges: done.encode(),
      failed: failed.map((one) => (one.cause.length > most ? { ...one, cause: shortened(one.cause, most) } : one)),
      mark: clean ? Math.max(this.#gone, done.floor, this.#suspect) : this.mark,
      clean: clean && this.scan >= this.#suspect
    }
  }
}
