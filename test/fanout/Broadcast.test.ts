/** Broadcasts on a log of numbers, with sinks that take as much as the draw says. */
import { assert, describe, it } from "@effect/vitest"
import type { Batch, Told } from "../../src/fanout/Batch.ts"
import { Broadcast } from "../../src/fanout/Broadcast.ts"
import { eventsOf } from "../../src/fanout/Picking.ts"
import type { Reader } from "../../src/fanout/Reader.ts"
import { Ring } from "../../src/fanout/Ring.ts"
import type { Place } from "../../src/topics/MessageId.ts"
import { finish } from "../support/Finish.ts"
import { each } from "./Every.ts"
import { EPOCH } from "./FakeLog.ts"
import { FakeReader } from "./FakeReader.ts"
import { Run } from "./Run.ts"

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
    const run = new Run(11, 1_000_000)
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

  it("BX10 a reader of a history that was lost is live where the new one ends", () => {
    const told: Array<Told> = []
    const asked: Array<readonly [Reader, number, Place]> = []
    const broadcast = new Broadcast({
      ...{ wake: () => {}, delivered: () => {}, sent: () => {}, leftOut: () => {}, broke: () => {} },
      ask: (reader, partition, from) => void asked.push([reader, partition, from])
    })
    broadcast.follow(new Ring(0, 8, 40, 100_000))
    const sink = { write: (what: Told) => told.push(what) > 0, drained: () => {}, end: () => {} }
    // It came when there was all of the old one, up to 100.
    const reader = broadcast.join(sink, {
      ...{ partitions: [0], whole: false, at: [90], epochs: [7], until: [100], overflow: "block", unpacks: false },
      ...{ selectionKey: "", selection: undefined }
    })
    finish(broadcast.work())
    assert.deepStrictEqual(asked, [[reader, 0, { epoch: 7, offset: 90 }]])
    finish(
      broadcast.answer(reader, 0, {
        epoch: 8,
        pieces: [{ kind: "gap", partition: 0, epoch: 8, from: 90, to: 40, why: "epoch" }]
      })
    )
    finish(broadcast.work())
    assert.strictEqual(reader.stage, "live")
    assert.deepStrictEqual(
      told.map(({ kind }) => kind),
      ["started", "gap", "live"]
    )
  })

  it("BX10 BX37 no position that is told goes back, and who becomes live knows its own", () => {
    const run = new Run(29, 1_000_000)
    const places: Array<number> = []
    let room = true
    let then = () => {}
    const start = run.log.partitions[0]!.next
    run.broadcast.join(
      {
        write: (told) => {
          if (told.kind === "batch") places.push(told.next)
          return room
        },
        drained: (back) => {
          then = back
        },
        end: () => {}
      },
      {
        ...{ partitions: [0], whole: false, at: [start], epochs: [EPOCH], until: [0], overflow: "block" },
        ...{ unpacks: false, selectionKey: "7", selection: each(7) }
      }
    )
    finish(run.broadcast.work())
    const more = (count: number) => {
      run.log.append(run.draw, 0, count)
      while (!run.log.isFed(run.broadcast)) run.log.feed(run.broadcast, run.draw)
      finish(run.broadcast.work())
    }
    // Nothing is taken of the first; then it can take no more, and is live again when much has come.
    while ((run.log.partitions[0]!.next - 1) % 7 !== 0) more(1)
    more(1)
    room = false
    more(7)
    more(20)
    room = true
    then()
    finish(run.broadcast.work())
    run.broadcast.tellQuiet()
    finish(run.broadcast.work())
    assert.deepStrictEqual(
      places,
      places.toSorted((a, b) => a - b)
    )
    assert.strictEqual(places.at(-1), run.log.partitions[0]!.next)
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
