/** Which readers a batch costs something, and how much of a turn one takes. */
import { assert, describe, it } from "@effect/vitest"
import type { Batch, Told } from "../../src/fanout/Batch.ts"
import type { Looker, Selection } from "../../src/fanout/Group.ts"
import { Ring } from "../../src/fanout/Ring.ts"
import { NO_FIGURES } from "../../src/filters/Figures.ts"
import { finish } from "../support/Finish.ts"
import { eventsOf as eventsIn } from "../support/TestLog.ts"
import { each } from "./Every.ts"
import { EPOCH } from "./FakeLog.ts"
import { Run } from "./Run.ts"

describe("groups of readers", () => {
  it("BX33 a batch is taken to those groups whose filter takes some of it, and to those without one", () => {
    const run = new Run(17, 1_000_000)
    const filters = Array.from({ length: 1_000 }, () => ({}))
    let wanted: ReadonlyArray<object> = []
    const looker: Looker = {
      *looking() {
        yield
        return wanted
      }
    }
    const told = new Map<number, number>()
    const join = (n: number, selection: Selection | undefined) =>
      run.broadcast.join(
        {
          write: (what) => {
            if (what.kind === "batch") told.set(n, (told.get(n) ?? 0) + 1)
            return true
          },
          drained: () => {},
          end: () => {}
        },
        {
          ...{ partitions: [0], whole: false, at: [run.log.partitions[0]!.next], epochs: [EPOCH], until: [0] },
          ...{ overflow: "block", unpacks: false, selectionKey: `${n}`, selection }
        }
      )
    const all = function* (batch: Batch): Generator<void, Batch> {
      yield
      return batch
    }
    for (const [n, filter] of filters.entries())
      join(n, { looker, filter, of: all, live: all, figures: () => NO_FIGURES })
    join(-1, undefined)
    finish(run.broadcast.work())
    wanted = [filters[3]!, filters[500]!]
    const before = run.broadcast.visits
    run.log.append(run.draw, 0, 5)
    while (!run.log.isFed(run.broadcast)) run.log.feed(run.broadcast, run.draw)
    finish(run.broadcast.work())
    assert.strictEqual(run.broadcast.visits - before, 3)
    assert.deepStrictEqual(
      [...told.keys()].sort((a, b) => a - b),
      [-1, 3, 500]
    )
    run.broadcast.tellQuiet()
    finish(run.broadcast.work())
    assert.strictEqual(told.size, 1_001)
    assert.deepStrictEqual([told.get(-1), told.get(3), told.get(4)], [1, 1, 1])
    run.broadcast.tellQuiet()
    assert.isFalse(run.broadcast.hasWork)
  })

  it("BX8 who left is in no list once something was to be done, and groups that nobody left are not gone through", () => {
    const run = new Run(29, 1_000_000)
    const readers = [...run.join(5)]
    run.settle()
    const { group } = readers[0]!.reader
    assert.lengthOf(group.live, 5)
    for (const reader of readers.slice(1, 4)) reader.leave(run.broadcast)
    assert.isTrue(run.broadcast.hasWork)
    finish(run.broadcast.work())
    assert.deepStrictEqual(group.live, [readers[0]!.reader, readers[4]!.reader])
    assert.isFalse(run.broadcast.hasWork)
  })

  it("BX34 who reads all of a topic gets each partition that it gets, also one that another reads already", () => {
    const run = new Run(19, 1_000_000)
    const [reader] = run.join(1)
    run.settle()
    const partition = run.log.partitions.length
    run.broadcast.follow(new Ring(partition, EPOCH, 0, 1_000_000))
    const all = [0, partition].map((partition) => ({ partition }))
    assert.lengthOf(run.broadcast.lackedOf(all), 0)
    const whole: Array<Told> = []
    const sink = { write: (told: Told) => whole.push(told) > 0, drained: () => {}, end: () => {} }
    const of = { overflow: "block", unpacks: false, selectionKey: "", selection: undefined } as const
    const one = { whole: true, at: [0], epochs: [EPOCH], until: [0], partitions: [0], ...of } as const
    run.broadcast.join(sink, { ...one, at: [run.log.partitions[0]!.next] })
    finish(run.broadcast.work())
    assert.deepStrictEqual(run.broadcast.lackedOf(all), [{ partition }])
    run.broadcast.grow([{ partition, epoch: EPOCH, first: 0 }])
    finish(run.broadcast.work())
    assert.lengthOf(run.broadcast.lackedOf(all), 0)
    assert.isTrue(run.broadcast.ring(partition)!.push({ first: 0, count: 1, rows: eventsIn("a").bytes, at: 1 }))
    finish(run.broadcast.work())
    assert.deepInclude(whole.at(-1), { kind: "batch", partition, next: 1 })
    assert.strictEqual(reader!.reader.stage, "live")
  })

  it("BX36 who catches up is sent a bound of bytes in one go, whatever it takes and however its filter chooses", () => {
    for (const selection of [undefined, each(1_000_000)]) {
      const run = new Run(23, 16_777_216)
      const [first] = run.join(1)
      run.settle()
      while (run.broadcast.ring(0)!.bytes < 2_000_000) {
        run.log.append(run.draw, 0)
        run.log.feed(run.broadcast, run.draw)
        finish(run.broadcast.work())
      }
      run.settle()
      let bytes = 0
      let steps = 0
      const sink = {
        write: (told: Told) => {
          if (told.kind === "batch") bytes += told.bytes
          return true
        },
        drained: () => {},
        end: () => {}
      }
      const reader = run.broadcast.join(sink, {
        ...{ partitions: [0], whole: false, at: [run.broadcast.ring(0)!.first], epochs: [EPOCH], until: [0] },
        ...{ overflow: "block", unpacks: false, selectionKey: "own", selection }
      })
      let goes = 0
      const isLive = () => reader.stage === "live"
      for (; !isLive(); goes++) {
        bytes = steps = 0
        for (const _ of run.broadcast.work()) steps++
        assert.isAtMost(bytes, 262_144 + 49_152)
        if (selection !== undefined && !isLive()) assert.isAbove(steps, 500)
      }
      assert.isAbove(goes, 4)
      first!.check(run.log)
    }
  })
})
