/** Broadcasts on a log of numbers, with sinks that take as much as the draw says. */
import { assert } from "@effect/vitest"
import { Broadcast } from "../../src/fanout/Broadcast.ts"
import type { Overflow, Reader } from "../../src/fanout/Reader.ts"
import type { Place } from "../../src/topics/MessageId.ts"
import { dice } from "../support/Chance.ts"
import { finish } from "../support/Finish.ts"
import { FakeLog } from "./FakeLog.ts"
import { FakeReader } from "./FakeReader.ts"

const OVERFLOWS: ReadonlyArray<Overflow> = ["block", "conflate", "drop oldest", "disconnect"]

/** Everything of one run, with steps drawn by its seed. */
export class Run {
  readonly draw: ReturnType<typeof dice>
  readonly log: FakeLog
  readonly readers: Array<FakeReader> = []
  /** Answers of the log that are on their way, or looked at. */
  readonly asked: Array<Generator<void, void>> = []
  readonly broadcast: Broadcast
  #work: Generator<void, void> | undefined

  /** `bytes`: of each ring. */
  constructor(seed: number, bytes?: number) {
    this.draw = dice(seed)
    this.log = new FakeLog(this.draw.below(3) + 1)
    this.broadcast = new Broadcast({
      wake: () => {},
      ask: (reader: Reader, partition, from, packed) =>
        void this.asked.push(this.#answer(reader, partition, from, packed)),
      delivered: () => {},
      sent: () => {},
      leftOut: () => {},
      broke: () => {}
    })
    for (let n = 0; n < this.draw.below(40); n++) this.log.append(this.draw)
    for (const ring of this.log.rings(bytes ?? this.draw.below(8_000))) this.broadcast.follow(ring)
  }

  *#answer(reader: Reader, partition: number, from: Place, packed: boolean): Generator<void, void> {
    yield* this.broadcast.answer(reader, partition, this.log.read(partition, from, packed))
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
        for (let n = draw.below(20), at = draw.below(this.asked.length); n >= 0 && this.asked.length > at; n--)
          if (this.asked[at]!.next().done === true) this.asked.splice(at, 1)
        break
      case 9:
        if (draw.below(6) === 0) broadcast.tellQuiet()
        else if (draw.below(4) === 0) log.trim(draw)
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

  /** All hear how far they are. */
  #quieten(): void {
    this.broadcast.tellQuiet()
    do {
      finish(this.broadcast.work())
      for (const reader of this.readers) reader.drain()
    } while (this.broadcast.hasWork || this.readers.some(({ isDone }) => !isDone))
  }

  /** Until everybody has all. */
  settle(): void {
    for (let n = 0; n < 2_000; n++) {
      while (this.#work?.next().done === false);
      this.#work = undefined
      this.log.feed(this.broadcast, this.draw)
      for (const _ of this.broadcast.work());
      for (const answer of this.asked.splice(0)) finish(answer)
      for (const reader of this.readers) reader.drain()
      this.broadcast.tick()
      if (this.readers.every(({ isDone }) => isDone) && !this.broadcast.hasWork && this.log.isFed(this.broadcast)) {
        this.#quieten()
        return
      }
    }
    assert.fail("it never settled")
  }
}
