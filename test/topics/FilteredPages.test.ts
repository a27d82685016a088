/** Pages of the events that a filter lets through, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Filters } from "../../src/filters/Filters.ts"
import { placesText } from "../../src/topics/From.ts"
import { frameOf } from "../../src/topics/Message.ts"
import { emptyPage, takeInto } from "../../src/topics/Page.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import { BITES, LOOKING, Reading } from "../../src/topics/Reading.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { lookingSlices } from "../../src/work/Slices.ts"
import { access, below, topics } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
/** Of a node where many may wait. */
const many = <A, E>(effect: Effect.Effect<A, E, Reading | Publishing | Topics>) =>
  effect.pipe(Effect.provide(Reading.layer({ waitingReads: 4_096 })), Effect.provide(given))
const as = Effect.provideService(CurrentIdentity, system)
const eventOf = (json: unknown) => ({
  ...{ key: null, payload: Buffer.from(JSON.stringify(json)), eventTime: null },
  headers: new Map<string, string>()
})
const numbers = (from: number, to: number, more: object = {}) =>
  Array.from({ length: to - from }, (_, n) => eventOf({ n: from + n, ...more }))
const asking = { topic: "t", partition: undefined, limit: 10, wait: 0, filter: "n % 10.0 == 3.0" }
const shown = (events: ReadonlyArray<{ readonly message: { readonly payload: Uint8Array } }>) =>
  events.map(({ message }) => JSON.parse(Buffer.from(message.payload).toString()).n as number)

describe("pages with a filter", () => {
  it.effect("TK6 TK1 they give every event that it lets through once, whatever their limit", () =>
    Effect.gen(function* () {
      const [reading, publishing] = [yield* Reading, yield* Publishing]
      yield* (yield* Topics).create({ name: "t", partitions: 3 }, { message: "" })
      for (let n = 0; n < 600; n += 30) yield* publishing.publish({ topic: "t", events: numbers(n, n + 30) })
      for (const limit of [1, 7, 1_000]) {
        const seen: Array<number> = []
        let from = "earliest"
        for (let live = false; !live; ) {
          const page = yield* reading.read({ ...asking, from, limit, filter: "has(n) && int(n) % 10 == 3" })
          assert.isAtMost(page.events.length, limit)
          seen.push(...shown(page.events))
          live = page.live
          from = placesText(page.next)
        }
        assert.deepStrictEqual(
          seen.toSorted((a, b) => a - b),
          Array.from({ length: 60 }, (_, n) => 10 * n + 3)
        )
      }
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TK6 a page that finds nothing ends once it looked at so much, and says where to go on", () =>
    Effect.gen(function* () {
      const [reading, publishing] = [yield* Reading, yield* Publishing]
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      const large = { text: "x".repeat(10_000) }
      for (let n = 0; n < 500; n += 50) yield* publishing.publish({ topic: "t", events: numbers(n, n + 50, large) })
      yield* publishing.publish({ topic: "t", events: [eventOf({ n: 1_000_000 })] })
      let [from, pages] = ["earliest", 0]
      let last = 0
      for (;;) {
        const { events, next, live } = yield* reading.read({ ...asking, from, filter: "n > 100000.0", wait: 30_000 })
        pages++
        const { offset } = next.get(0)!
        assert.isAtMost((offset - last) * 10_000, 1_048_576 + 10_000)
        assert.isAbove(offset, last)
        last = offset
        from = placesText(next)
        if (events.length > 0) {
          assert.deepStrictEqual([shown(events), last], [[1_000_000], 501])
          break
        }
        assert.isFalse(live)
      }
      assert.isAtLeast(pages, 5)
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TK2 one that waits is not ended by what is not for it", () =>
    Effect.gen(function* () {
      const [reading, publishing] = [yield* Reading, yield* Publishing]
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      const waits = yield* Effect.forkChild(
        reading.read({ ...asking, from: "latest", wait: 5_000, filter: "n == 7.0" }).pipe(as)
      )
      for (const n of [1, 2, 7, 3]) {
        yield* publishing.publish({ topic: "t", events: numbers(n, n + 1) })
        yield* TestClock.adjust("600 millis")
      }
      assert.deepStrictEqual(shown((yield* Fiber.join(waits)).events), [7])
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TK6 IX9 what became of what a page looked at is told, and counted of its topic", () =>
    Effect.gen(function* () {
      const [reading, publishing, topics] = [yield* Reading, yield* Publishing, yield* Topics]
      yield* topics.create({ name: "t" }, { message: "" })
      yield* publishing.publish({ topic: "t", events: [...numbers(0, 4), eventOf({ m: 1 }), eventOf({ n: "text" })] })
      const page = yield* reading.read({ ...asking, from: "earliest", filter: "n < 2.0 || int(n) / 0 > 1" })
      const figures = { looked: 6, matched: 2, missing: 1, failed: 3, costly: 0 }
      assert.deepStrictEqual(page.filtered, { ...figures, missingField: "n" })
      const plain = yield* reading.read({ ...asking, from: "earliest", filter: "" })
      assert.isUndefined(plain.filtered)
      assert.deepStrictEqual((yield* topics.stats("t")).rates.filters, { ...figures, missingField: "" })
    }).pipe(as, Effect.provide(given))
  )

  it.effect(
    "TK6 pages with a filter have a bounded number of places, in all and of a principal, and give them back",
    () =>
      Effect.gen(function* () {
        const reading = yield* Reading
        yield* (yield* Topics).create({ name: "t" }, { message: "" })
        const waits = (name: string) =>
          reading
            .read({ ...asking, from: "latest", wait: 20_000, filter: "n == 7.0" })
            .pipe(Effect.provideService(CurrentIdentity, { ...system, name }))
        const [inAll, own] = LOOKING
        const under: Array<Fiber.Fiber<unknown, unknown>> = []
        for (let n = 0; n < inAll; n++)
          under.push(yield* Effect.forkChild(waits(`p${Math.floor(n / own)}`), { startImmediately: true }))
        yield* TestClock.adjust("1 seconds")
        assert.isTrue(under.every((fiber) => fiber.pollUnsafe() === undefined))
        assert.strictEqual((yield* Effect.flip(waits("another"))).name, "ReadsBusy")
        yield* Fiber.interrupt(under[0]!)
        const again = yield* Effect.forkChild(waits("p0"), { startImmediately: true })
        assert.strictEqual((yield* Effect.flip(waits("p0"))).name, "ReadsBusy")
        yield* Fiber.interrupt(under[1]!)
        assert.strictEqual((yield* Effect.flip(waits("p1"))).name, "ReadsBusy")
        yield* TestClock.adjust("30 seconds")
        for (const fiber of [...under.slice(2), again]) assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
        assert.lengthOf((yield* reading.read({ ...asking, from: "latest", filter: "n == 7.0" })).events, 0)
      }).pipe(as, many)
  )

  it.live("TK6 of a principal's pages few look at events at the same time, and of all some more", () =>
    Effect.gen(function* () {
      const [reading, publishing] = [yield* Reading, yield* Publishing]
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      const count = 20
      yield* publishing.publish({ topic: "t", events: numbers(0, count) })
      const owners = new Map<Filters, string>()
      const looked = new Map<Filters, number>()
      const most = { all: 0, one: 0 }
      const { hold, match } = Filters.prototype
      vi.spyOn(lookingSlices, "over").mockReturnValue(true) // each event in a turn of its own
      vi.spyOn(Filters.prototype, "hold").mockImplementation(function (this: Filters, text, owner) {
        owners.set(this, text)
        return hold.call(this, text, owner)
      })
      vi.spyOn(Filters.prototype, "match").mockImplementation(function (this: Filters, event) {
        looked.set(this, (looked.get(this) ?? 0) + 1)
        most.all = Math.max(most.all, looked.size)
        const of = Map.groupBy(looked.keys(), (one) => owners.get(one))
        for (const its of of.values()) most.one = Math.max(most.one, its.length)
        if (looked.get(this) === count) looked.delete(this)
        return match.call(this, event)
      })
      const pages = Array.from({ length: 24 }, (_, n) =>
        reading
          .read({ ...asking, from: "earliest", filter: `n == ${n % 3}.0` })
          .pipe(Effect.provideService(CurrentIdentity, { ...system, name: `p${n % 3}` }))
      )
      const all = yield* Effect.all(pages, { concurrency: "unbounded" })
      assert.isTrue(all.every(({ events }) => events.length === 1))
      assert.deepStrictEqual(most, { all: BITES[0], one: BITES[1] })
    }).pipe(Effect.ensuring(Effect.sync(() => vi.restoreAllMocks())), as, many)
  )

  it.live("TK6 whatever one principal's pages look at, there are places for those of others", () =>
    Effect.gen(function* () {
      const [reading, publishing] = [yield* Reading, yield* Publishing]
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      yield* publishing.publish({ topic: "t", events: numbers(0, 5) })
      const reads = (name: string) =>
        reading
          .read({ ...asking, from: "earliest", filter: "n == 1.0" })
          .pipe(Effect.provideService(CurrentIdentity, { ...system, name }))
      yield* reads("eve") // it is compiled
      const { through } = lookingSlices
      const looks = { begun: 0, isStuck: true }
      vi.spyOn(lookingSlices, "through").mockImplementation((begin) => {
        looks.begun++
        return looks.isStuck ? Effect.never : through(begin)
      })
      for (let n = 0; n < 8; n++) yield* Effect.forkChild(reads("eve"), { startImmediately: true })
      yield* Effect.promise(() => waitUntil("those to be stuck that may look", () => looks.begun >= 2))
      looks.isStuck = false
      const other = yield* Effect.forkChild(reads("ann"), { startImmediately: true })
      yield* Effect.promise(() =>
        waitUntil("the other's to be answered", () => other.pollUnsafe() !== undefined, 5_000)
      )
      assert.deepStrictEqual(shown((yield* Fiber.join(other)).events), [1])
    }).pipe(Effect.ensuring(Effect.sync(() => vi.restoreAllMocks())), as, many)
  )

  it.effect("FZ1 a filter that can't be is refused, before anything is read", () =>
    Effect.gen(function* () {
      const reading = yield* Reading
      yield* (yield* Topics).create({ name: "t" }, { message: "" })
      const error = yield* Effect.flip(reading.read({ ...asking, from: "earliest", filter: "n >" }))
      assert.strictEqual(error.name, "InvalidFilter")
    }).pipe(as, Effect.provide(given))
  )

  it("TK6 others may have a turn before each event that is looked at", () => {
    const { bytes, count } = frameOf(numbers(0, 20))
    const piece = { is: "segment", base: 0, count, at: 1, bytes, hashes: undefined } as never
    const read = { epoch: 1, next: 20, pieces: [piece] }
    const one = { partition: 0, place: { epoch: 1, offset: 0 }, read }
    const page = emptyPage()
    const looking = { matches: (_: Uint8Array, __: number, ___: number, offset: number) => offset > 17, left: 1e6 }
    assert.lengthOf([...takeInto(page, "t", [one], { limit: 10, most: 1e6, looking })], 20)
    assert.deepStrictEqual(shown(page.events), [18, 19])
    assert.lengthOf([...takeInto(emptyPage(), "t", [one], { limit: 100, most: 1e6 })], 0)
  })
})
