/** A reader that keeps what it is told, takes more or does not, and knows what it should have been told. */
import { assert } from "@effect/vitest"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Batch, type Told } from "../../src/fanout/Batch.ts"
import type { Broadcast } from "../../src/fanout/Broadcast.ts"
import { eventsOf } from "../../src/fanout/Picking.ts"
import type { Overflow, Reader } from "../../src/fanout/Reader.ts"
import { sumOf } from "../../src/filters/Figures.ts"
import { each } from "./Every.ts"
import { type Dice, EPOCH, type Event, type FakeLog, offsetIn } from "./FakeLog.ts"

export class FakeReader {
  readonly got: Array<Told> = []
  ended: HeraldError | undefined
  breaks = false
  reader!: Reader
  #partitions: ReadonlyArray<number> = []
  #at: ReadonlyArray<number> = []
  #until: ReadonlyArray<number> = []
  /** Batches that it takes until it is drained. */
  #room = Number.POSITIVE_INFINITY
  readonly #each: number
  #then: (() => void) | undefined
  #gone = false
  /** It takes each so many'th event. */
  #nth = 1

  constructor(each: number) {
    this.#each = this.#room = each
  }

  static join(broadcast: Broadcast, log: FakeLog, draw: Dice, overflow: Overflow, start?: "latest"): FakeReader {
    const fake = new FakeReader(start === undefined ? 1 + draw.below(5) : Number.POSITIVE_INFINITY)
    const all = log.partitions.map((_, partition) => partition)
    const some = start === undefined && draw.below(3) === 0 ? [draw.of(all)] : all
    fake.#partitions = some
    fake.#until = some.map((partition) => log.partitions[partition]!.next)
    fake.#at = some.map((partition, i) =>
      start === undefined ? draw.below(log.partitions[partition]!.next + 1) : fake.#until[i]!
    )
    fake.#nth = start === undefined ? draw.of([1, 1, 2, 7, 1_000_000]) : 1
    fake.reader = broadcast.join(
      {
        write: (told) => {
          if (fake.breaks) throw new Error("broken")
          fake.got.push(told)
          return --fake.#room > 0
        },
        drained: (then) => {
          assert.isUndefined(fake.#then)
          fake.#then = then
        },
        end: (error) => {
          fake.ended = error
        }
      },
      {
        ...{
          partitions: some,
          whole: false,
          at: fake.#at,
          epochs: some.map(() => EPOCH),
          until: fake.#until
        },
        ...{ overflow, unpacks: draw.below(2) === 0 },
        ...(fake.#nth === 1
          ? { selectionKey: "", selection: undefined }
          : { selectionKey: `${fake.#nth}`, selection: each(fake.#nth) })
      }
    )
    return fake
  }

  get isDone(): boolean {
    return this.reader.stage === "live" || this.reader.stage === "over"
  }

  drain(): void {
    this.#room = this.#each
    const then = this.#then
    this.#then = undefined
    then?.()
  }

  /** It takes one more, and then no more until it is drained. */
  close(): void {
    this.#room = 1
  }

  leave(broadcast: Broadcast): void {
    this.#gone = true
    broadcast.leave(this.reader)
  }

  /** BX10: what it got, against the log. */
  check(log: FakeLog): void {
    for (const [index, partition] of this.#partitions.entries())
      this.#checkOf(partition, log.partitions[partition]!.events, this.#at[index]!)
    if (this.#gone || this.ended !== undefined) return
    this.#checkFigures(log)
    assert.strictEqual(this.reader.stage, "live")
    assert.strictEqual(this.got.filter(({ kind }) => kind === "live").length, 1)
  }

  #checkOf(partition: number, events: ReadonlyArray<Event>, start: number): void {
    const { overflow } = this.reader
    let at = start
    let isLive = false
    for (const told of this.got) {
      if (told.kind === "live") {
        isLive = true
        assert.isAtLeast(at, this.#until[this.#partitions.indexOf(partition)]!)
        continue
      }
      if (told.kind === "started" || told.kind === "filtered" || told.partition !== partition) continue
      // Of what was not taken nothing need be told.
      if (this.#nth > 1 && (told.kind === "gap" ? told.from : told.first) > at) {
        const first = told.kind === "gap" ? told.from : told.first
        for (let offset = at; offset < first; offset++) assert.isFalse(this.#takes(offset), `${offset} was left out`)
        at = first
      }
      if (told.kind === "gap") {
        assert.strictEqual(told.from, at)
        assert.isAbove(told.to, at)
        if (told.why === "overflow") assert.isTrue(isLive && overflow === "drop oldest")
        at = told.to
        continue
      }
      assert.strictEqual(told.first, at)
      at = told.next
      this.#checkBatch(told, events, isLive && overflow === "conflate")
    }
    if (!this.#gone && this.ended === undefined) assert.strictEqual(at, events.length)
  }

  /** BX41: of one who is sent everything, each event that was not lost was looked at once. */
  #checkFigures(log: FakeLog): void {
    const { group, overflow, counted } = this.reader
    if (this.#nth === 1 || group.partitions.length < log.partitions.length || overflow === "conflate") return
    let [told, lost] = [counted, 0]
    for (const one of this.got)
      if (one.kind === "filtered") told = sumOf(told, one.figures)
      else if (one.kind === "gap") lost += one.to - one.from
    let [looked, matched] = [0, 0]
    for (const one of this.got) if (one.kind === "batch") matched += one.count
    for (const [index, partition] of this.#partitions.entries())
      looked += log.partitions[partition]!.events.length - this.#at[index]!
    assert.deepStrictEqual([told.looked, told.matched], [looked - lost, matched])
  }

  #takes(offset: number): boolean {
    return offset % this.#nth === 0
  }

  #checkBatch(batch: Batch, events: ReadonlyArray<Event>, mayLeaveOut: boolean): void {
    const plain =
      batch.compressed === undefined
        ? batch
        : new Batch({ ...batch, first: batch.first, rows: [batch.compressed], compressed: undefined })
    const found = [...eventsOf(plain)].map(({ entry, offset, at }) => {
      if (offsetIn(entry) !== offset || at !== events[offset]!.at) assert.fail(`offset ${offset}`)
      return offset
    })
    assert.strictEqual(found.length, batch.count)
    let wanted = 0
    for (let offset = batch.first; offset < batch.next; offset++) if (this.#takes(offset)) wanted++
    assert.strictEqual(found.length + batch.leftOut, wanted)
    if (!mayLeaveOut) assert.strictEqual(batch.leftOut, 0)
    const kept = new Set(found)
    for (let offset = batch.first; offset < batch.next; offset++) {
      if (!this.#takes(offset)) {
        assert.isFalse(kept.has(offset))
        continue
      }
      const { key } = events[offset]!
      // What was left out has a newer one.
      if (!kept.has(offset)) assert.isTrue(key !== null && newestOf(events, key) > offset)
    }
  }
}

const newestOf = (events: ReadonlyArray<Event>, key: string): number =>
  events.findLast((event) => event.key === key)!.offset
