/** What is made of events for readers, and what bounds it. */
import { assert, describe, it, vi } from "@effect/vitest"
import type { Batch } from "../../src/fanout/Batch.ts"
import { Group } from "../../src/fanout/Group.ts"
import { byFilter, heldAnew } from "../../src/fanout/Renewing.ts"
import { Ring } from "../../src/fanout/Ring.ts"
import { type HeldSelection, MADE, Selections, type Wish } from "../../src/fanout/Selections.ts"
import { Filter } from "../../src/filters/Filter.ts"
import { EVERY_EVENT, INDEXED } from "../../src/filters/Index.ts"
import { finish } from "../support/Finish.ts"
import { eventsOf } from "../support/TestLog.ts"

const COUNT = 100
const batch = (): Batch => {
  const ring = new Ring(0, 1, 0, 1_000_000)
  const texts = Array.from({ length: COUNT }, (_, n) => `{"k":"k","n":${n},"a":1,"b":2}`)
  ring.push({ first: 0, count: COUNT, rows: eventsOf(...texts).bytes, at: 1 })
  ring.close()
  return ring.toSend!
}
const wish: Wish = { filter: "", fields: [], delta: false, owner: "eve" }

const heldBy = (selections: Selections, own: Partial<Wish>): HeldSelection => {
  const one = selections.hold({ ...wish, ...own })
  return one instanceof Error ? assert.fail(one.message) : one
}
/** Of a batch of `COUNT` events. */
const evaluations = (selections: Selections): number => {
  const evaluate = vi.spyOn(Filter.prototype, "evaluate")
  finish(selections.looking(batch()))
  const { length } = evaluate.mock.calls
  evaluate.mockRestore()
  return length
}
/** In the order in which they were held. */
const renewed = (readers: ReadonlyArray<{ wish: Wish; selections: Selections }>, anew: Selections) => {
  const left = finish(byFilter(readers))
  return Array.from({ length: readers.length }, () => (left.length > 0 ? finish(heldAnew(left, anew)) : [])).flat()
}

const most = (selections: Selections, of: (n: number) => Partial<Wish>) => {
  const held: Array<HeldSelection> = []
  for (let n = 0; n < 10_000; n++) {
    const one = selections.hold({ ...wish, ...of(n) })
    if (one instanceof Error) {
      assert.strictEqual(one.name, "TooManyFilters")
      break
    }
    held.push(one)
  }
  return held
}

describe("selections", () => {
  it("BX35 different fields and differences are bounded, also for one principal, and those who want the same share", () => {
    const selections = new Selections({ name: "t", schema: null, schemaVersion: 0 })
    const own = most(selections, (n) => ({ fields: [`f${n}`] }))
    assert.strictEqual(own.length, (EVERY_EVENT * 0.8) / MADE)
    assert.strictEqual(most(selections, () => ({ fields: ["f1"] })).length, 10_000)
    const others = most(selections, (n) => ({ fields: [`g${n}`], owner: "ann" }))
    assert.strictEqual(others.length, (EVERY_EVENT * 0.2) / MADE)
    assert.strictEqual(most(selections, () => ({ delta: true, owner: "ann" })).length, 0)
    // Those whose filter is found by a value have a bound of their own.
    const hot = (n: number) => ({ filter: `symbol == "${n}"`, fields: ["a"], owner: "ann" })
    assert.strictEqual(most(selections, (n) => (n < 1_000 ? hot(n) : { delta: true })).length, 1_000)
    for (const { release } of own) release()
    assert.strictEqual(most(selections, () => ({ delta: true, owner: "ann" })).length, 10_000)
  })

  it("BX31 BX23 what is made of a batch may be left between two of its events, whoever it is for", () => {
    const selections = new Selections({ name: "t", schema: null, schemaVersion: 0 })
    for (const [of, delta] of [
      [{ fields: ["n"] }, false],
      [{ filter: "n >= 0" }, false],
      [{ filter: "n >= 0", fields: ["n", "a"] }, true],
      [{}, true]
    ] as const) {
      const held = selections.hold({ ...wish, ...of, delta })
      assert.isFalse(held instanceof Error)
      if (held instanceof Error) return
      const group = new Group("", [0], true, held.selection, delta)
      const one = batch()
      assert.isAtLeast([...group.made(one)].length, COUNT)
      assert.strictEqual(finish(group.made(one)).count, COUNT)
      const looks = held.selection === undefined ? [] : [...held.selection.looker.looking(one)]
      if (group.isChoosing) assert.strictEqual(looks.length, COUNT)
      assert.strictEqual(finish(group.made(one, true)).count, COUNT)
      held.release()
    }
  })

  it("BX23 who leaves in the middle makes nobody look at a batch again", () => {
    const selections = new Selections({ name: "t", schema: null, schemaVersion: 0 })
    const [stays, leaves] = ["n >= 50", "n < 10"].map((filter) => selections.hold({ ...wish, filter }))
    if (stays instanceof Error || leaves instanceof Error) return assert.fail()
    const one = batch()
    assert.strictEqual([...finish(selections.looking(one))].length, 2)
    leaves!.release()
    const steps = stays!.selection!.live(one)
    assert.isTrue(steps.next().done, "it is known already")
    assert.strictEqual(finish(stays!.selection!.live(one)).count, 50)
  })

  it("BX42 filters of another schema are held part by part, each reader by itself, and never much more than before", () => {
    const of = (schemaVersion: number) => new Selections({ name: "t", schema: null, schemaVersion })
    const [old, anew] = [of(1), of(2)]
    const heavy = Array.from({ length: 30 }, (_, n) => `a.contains("${n}")`).join(" || ")
    const readers = Array.from({ length: 600 }, (_, n) => {
      const own = { ...wish, filter: `symbol == "S${n >> 1}" && (${heavy})` }
      const selected = old.hold(own)
      if (selected instanceof Error) return assert.fail(selected.message)
      return { wish: own, selections: old, selected: selected as HeldSelection }
    })
    const most = old.bytes
    const left = finish(byFilter(readers))
    assert.lengthOf(left, 300)
    let [parts, steps] = [0, 0]
    for (let isOver = false; !isOver; parts++) {
      const holding = heldAnew(left, anew)
      let step = holding.next()
      for (; step.done !== true; step = holding.next()) steps++
      for (const [its, held] of step.value) {
        if (held instanceof Error) return assert.fail(held.message)
        its.selected.release()
        Object.assign(its, { selected: held, selections: anew })
      }
      isOver = left.length === 0
      assert.isAtMost(old.bytes + anew.bytes, most + 1_100_000)
    }
    assert.strictEqual(steps, 600)
    assert.isAtLeast(parts, most / 1_100_000)
    assert.isAbove(parts, 5)
    assert.deepStrictEqual([old.bytes, anew.bytes], [0, most])
    assert.isTrue(readers.every(({ selections }) => selections === anew))
  })

  it("BX42 no more than some hundred readers of different filters are put in place together, and all of one filter", () => {
    const of = (schemaVersion: number) => new Selections({ name: "t", schema: null, schemaVersion })
    const sizes = (filter: (n: number) => string) => {
      const [old, anew] = [of(1), of(2)]
      const readers = Array.from({ length: 600 }, (_, n) => ({ wish: { ...wish, filter: filter(n) }, selections: old }))
      for (const { wish } of readers) heldBy(old, wish)
      const left = finish(byFilter(readers))
      const parts: Array<number> = []
      while (left.length > 0) parts.push(finish(heldAnew(left, anew)).length)
      return parts
    }
    assert.deepStrictEqual(
      sizes((n) => `symbol == "S${n}"`),
      [256, 256, 88]
    )
    assert.deepStrictEqual(
      sizes(() => "n > 1"),
      [600]
    )
  })

  it("BX42 IX7 each stands where it stood before, in the order of coming, though others who were in between have left", () => {
    const topic = { name: "t", schema: null, schemaVersion: 1 }
    const old = new Selections(topic)
    const readers: Array<{ wish: Wish; selections: Selections; selected: HeldSelection }> = []
    const come = (filter: string, owner = "eve") => {
      const own = { ...wish, filter, owner }
      readers.push({ wish: own, selections: old, selected: heldBy(old, own) })
    }
    for (let n = 0; n < INDEXED; n++) come(`v${n} == 1`)
    come("late == 1") // there is no variable left for it
    readers.shift()!.selected.release()
    const dear = Array.from({ length: 30 }, (_, n) => `note.contains("${n}")`).join(" || ")
    for (let n = 0; n < 600; n++) come(`symbol == "S${n}" && (${dear})`, "ann")
    for (let n = 0; n < INDEXED; n++) come(`w${n} == 1`, "bob")
    const anew = new Selections({ ...topic, schemaVersion: 2 }, undefined, old)
    const all = renewed(readers, anew)
    const texts = (of: ReadonlyArray<{ wish: Wish }>) => of.map((one) => one.wish.filter)
    assert.deepStrictEqual(texts(all.map(([its]) => its)), texts(readers))
    assert.isTrue(all.every(([, held]) => !(held instanceof Error)))
    assert.strictEqual(evaluations(anew), evaluations(old))
  })

  it("BX42 BX35 IX5 who was in is ended by no bound, and who comes behind that is", () => {
    const heavy = Array.from({ length: 30 }, (_, n) => `note.contains("${n}")`).join(" || ")
    for (const of of [(n: number) => ({ filter: `${heavy} || n == ${n}.0` }), (n: number) => ({ fields: [`f${n}`] })]) {
      const topic = { name: "t", schema: null, schemaVersion: 1 }
      const old = new Selections(topic)
      const eves = most(old, (n) => ({ ...of(n), owner: "eve" }))
      assert.isAbove(eves.length, 50)
      const more = eves.length * 2
      // What another one has already counts as that one's, and goes on when that one has left.
      const shared = eves.map((_, n) => ({ ...wish, ...of(n), owner: "ann" }))
      for (const own of shared) heldBy(old, own)
      const own = most(old, (n) => ({ ...of(more + n), owner: "ann" }))
      assert.isAbove(own.length, 10)
      for (const { release } of eves) release()
      const readers = [...shared, ...own.map((_, n) => ({ ...wish, ...of(more + n), owner: "ann" }))].map((wish) => ({
        ...{ wish, selections: old }
      }))
      const anew = new Selections({ ...topic, schemaVersion: 2 }, undefined, old)
      const all = renewed(readers, anew)
      assert.lengthOf(all, readers.length)
      assert.deepStrictEqual(
        all.flatMap(([, held]) => (held instanceof Error ? [held.message] : [])),
        []
      )
      for (const owner of ["ann", "bob"])
        assert.lengthOf(
          most(anew, (n) => ({ ...of(2 * more + n), owner })),
          0
        )
    }
  })
})
