/** Broadcasts on a log of numbers, with sinks that take as much as the draw says. */
import { assert, describe, it } from "@effect/vitest"
import type { Batch, Told } from "../../src/fanout/Batch.ts"
import { Broadcast } from "../../src/fanout/Broadcast.ts"
import { eventsOf } from "../../src/fanout/Picking.ts"
import type { Overflow, Reader } from "../../src/fanout/Reader.ts"
import { dice } from "../support/Chance.ts"
import { FakeLog } from "./FakeLog.ts"
import { FakeReader } from "./FakeReader.ts"

const OVERFLOWS: ReadonlyArray<Overflow> = ["block", "conflate", "drop oldest", "disconnect"]

/** Everything of one run, with steps drawn by its seed. */
class Run {
  readonly draw: ReturnType<typeof dice>
  readonly log: FakeLog
  readonly readers: Array<FakeReader> = []
  readonly asked: Array<() => void> = []
  readonly broadcast: Broadcast
  #work: Generator<void, void> | undefined

  constructor(seed: number) {
    this.draw = dice(seed)
    this.log = new FakeLog(this.draw.below(3) + 1)
    this.broadcast = new Broadcast({
      wake: () => {},
      ask: (reader: Reader, partition, from, packed) =>
        void this.asked.push(() => this.broadcast.answer(reader, partition, this.log.read(partition, from, packed))),
      delivered: () => {},
      sent: () => {},
      leftOut: () => {},
      broke: () => {}
    })
    for (let n = 0; n < this.draw.below(40); n++) this.log.append(this.draw)
    for (const ring of this.log.rings(this.draw.below(4_000))) this.broadcast.follow(ring)
  }

  step(): void {
    const { draw, log, broadcast } = this
    switch (draw.below(10)) {
      case 0:
      case 1:
        log.append(draw)
        break
      case 2:
      case 3:
        log.feed(broadcast, draw)
        break
      case 4:
      case 5:
        this.#work ??= broadcast.work()
        if (this.#work.next().done === true) this.#work = undefined
        break
      case 6:
        if (this.readers.length < 12) this.readers.push(FakeReader.join(broadcast, log, draw, draw.of(OVERFLOWS)))
        break
      case 7:
        draw.of(this.readers)?.drain()
        break
      case 8:
        this.asked.splice(draw.below(this.asked.length), 1)[0]?.()
        break
      case 9:
        if (draw.below(4) === 0) log.trim(draw)
        else if (draw.below(20) === 0) draw.of(this.readers)?.leave(broadcast)
        else if (draw.below(10) === 0) broadcast.tick()
        else broadcast.sweep()
    }
  }

  /** Those who want what is new. */
  join(count: number): ReadonlyArray<FakeReader> {
    for (let n = 0; n < count; n++)
      this.readers.push(FakeReader.join(this.broadcast, this.log, this.draw, "block", "latest"))
    return this.readers
  }

  /** Until everybody has all. */
  settle(): void {
    for (let n = 0; n < 2_000; n++) {
      while (this.#work?.next().done === false);
      this.#work = undefined
      this.log.feed(this.broadcast, this.draw)
      for (const _ of this.broadcast.work());
      for (const answer of this.asked.splice(0)) answer()
      for (const reader of this.readers) reader.drain()
      this.broadcast.tick()
      if (this.readers.every(({ isDone }) => isDone) && !this.broadcast.hasWork && this.log.isFed(this.broadcast))
        return
    }
    assert.fail("it never settled")
  }
}

/** Seeds; more of them were run once. */
const RUNS = Number(process.env["HERALD_TEST_RUNS"] ?? 60)

describe("Broadcast", () => {
  it("BX10 every reader has exactly the log from where it began, or is told of what it has not", () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const run = new Run(seed)
      try {
        for (let n = 0; n < 400; n++) run.step()
        run.settle()
        for (const reader of run.readers) reader.check(run.log)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })

  it("BX8 BX12 who can't take more has positions alone, and is live again once it can", () => {
    const run = new Run(7)
    const [fast, slow] = run.join(2)
    run.settle()
    slow!.close()
    for (let n = 0; n < 50; n++) {
      run.log.append(run.draw)
      run.log.feed(run.broadcast, run.draw)
      for (const _ of run.broadcast.work());
    }
    assert.strictEqual(fast!.reader.stage, "live")
    assert.isUndefined(fast!.reader.at)
    assert.strictEqual(slow!.reader.stage, "full")
    assert.isAtMost(slow!.got.filter(isBatch).length, 1)
    run.settle()
    assert.strictEqual(slow!.reader.stage, "live")
    slow!.check(run.log)
  })

  it("BX11 what came since the last round is one batch, the same for all", () => {
    const run = new Run(11)
    const readers = Array.from({ length: 5 }, () =>
      FakeReader.join(run.broadcast, run.log, run.draw, "block", "latest")
    )
    run.settle()
    const before = readers.map(({ got }) => got.length)
    for (let n = 0; n < 10; n++) run.log.append(run.draw, 0, 1)
    while (!run.log.isFed(run.broadcast)) run.log.feed(run.broadcast, run.draw)
    for (const _ of run.broadcast.work());
    const batches = readers.map(({ got }, i) => got.slice(before[i]))
    for (const own of batches) {
      assert.strictEqual(own.length, 1)
      assert.strictEqual(own[0], batches[0]![0])
      assert.strictEqual([...eventsOf(own[0] as Batch)].length, 10)
    }
  })

  it("BX13 a reader whose sink throws is ended alone", () => {
    const run = new Run(13)
    const [one, other] = run.join(2)
    run.settle()
    one!.breaks = true
    run.log.append(run.draw)
    run.settle()
    assert.strictEqual(one!.reader.stage, "over")
    assert.strictEqual(run.broadcast.size, 1)
    other!.check(run.log)
  })
})

const isBatch = (told: Told): told is Batch => told.kind === "batch"
