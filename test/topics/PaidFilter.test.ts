/** Filters that somebody comes with, at each door, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { vi } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { Fanout } from "../../src/fanout/Fanout.ts"
import { isRemembered } from "../../src/filters/Remembered.ts"
import { UNDECLARED } from "../../src/filters/Variables.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { Subscriptions } from "../../src/subscriptions/Subscriptions.ts"
import { makePaying } from "../../src/topics/PaidFilter.ts"
import { Reading } from "../../src/topics/Reading.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { lookingSlices } from "../../src/work/Slices.ts"
import { below, topics } from "../support/Twins.ts"

/** What was asked for besides requests, and by whom; who has nothing left is refused. */
const purse = { spent: [] as Array<readonly [name: string, cost: number]>, isEmpty: false }
const access = Layer.mock(Access, {
  spend: ({ name }, cost) =>
    Effect.suspend(() => {
      purse.spent.push([name, cost])
      return purse.isEmpty ? Effect.fail(failure("RateLimited", "too often")) : Effect.void
    }),
  stillValid: () => Effect.succeed(true)
})
const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const why = { message: "" }
const as = (name: string) => Effect.provideService(CurrentIdentity, { ...system, name })

let next = 0
/** Of 36 letters, and of nearly a thousand characters once its repetitions are written out. */
const short = () => `a.matches("([a-z]{1,30}){1,30}${++next + 1_000}")`
const read = { topic: "t", partition: undefined, from: "latest", limit: 1, wait: 0 } as const
const wish = { topic: "t", start: { from: "latest" }, partitions: [], fields: [] } as const
const sink = { write: () => true, drained: () => {}, end: () => {} }

type Door = (filter: string) => Effect.Effect<unknown, HeraldError, Reading | Fanout | Subscriptions | RoutingRules>
const doors: ReadonlyArray<readonly [name: string, door: Door]> = [
  ["reads a page", (filter) => Effect.flatMap(Reading, (reading) => reading.read({ ...read, filter }))],
  [
    "reads what comes",
    (filter) => Effect.flatMap(Fanout, ({ open }) => open({ ...wish, filter, overflow: "block", unpacks: false }, sink))
  ],
  [
    "makes a subscription",
    (filter) =>
      Effect.flatMap(Subscriptions, ({ create }) =>
        create({ topicName: "t", subscriptionName: `s${++next}`, type: "shared", filter }, why)
      )
  ],
  [
    "makes a rule",
    (condition) =>
      Effect.flatMap(RoutingRules, ({ create }) =>
        create({ name: `r${++next}`, source: "t", target: "u", condition }, why)
      )
  ],
  ["changes a rule", (condition) => Effect.flatMap(RoutingRules, ({ update }) => update("there", { condition }, why))]
]

describe("who comes with a filter", () => {
  for (const [name, door] of doors)
    it.live(`FZ14 and ${name} pays for it before it is compiled, and once it is remembered nobody does`, () =>
      Effect.gen(function* () {
        const { create } = yield* Topics
        for (const name of ["t", "u"]) yield* create({ name }, why)
        yield* (yield* RoutingRules).create({ name: "there", source: "t", target: "u" }, why)
        const filter = short()
        assert.lengthOf(filter, 36)
        Object.assign(purse, { spent: [], isEmpty: true })
        assert.strictEqual((yield* Effect.flip(door(filter))).name, "RateLimited")
        assert.isFalse(isRemembered(filter, UNDECLARED))
        purse.isEmpty = false
        yield* door(filter)
        yield* door(filter).pipe(as("another"))
        assert.deepStrictEqual(purse.spent, [
          ["ann", 24],
          ["ann", 24]
        ])
      }).pipe(as("ann"), Effect.provide(given))
    )

  it.live("FZ14 RoutingRules a condition is paid for by each schema of the topics that it covers", () =>
    Effect.gen(function* () {
      const { create } = yield* Topics
      const schema = (field: string) => ({ type: "object", properties: { a: { type: "string" }, [field]: {} } })
      for (const name of ["x/one", "x/two", "x/three"]) yield* create({ name, schema: schema(name) }, why)
      yield* create({ name: "u" }, why)
      Object.assign(purse, { spent: [], isEmpty: false })
      yield* (yield* RoutingRules).create({ name: "r", source: "x/*", target: "u", condition: short() }, why)
      assert.lengthOf(purse.spent, 4)
    }).pipe(as("ann"), Effect.provide(given))
  )

  it.effect("FZ14 a text is paid for before it is read, and its patterns before they are compiled", () =>
    Effect.gen(function* () {
      const paying = yield* makePaying
      const long = `${short()} && b == "${"x".repeat(100)}"`
      for (const [isEmpty, costs] of [
        [true, [3]],
        [false, [3, 24]],
        [false, []]
      ] as const) {
        Object.assign(purse, { spent: [], isEmpty })
        yield* Effect.ignore(paying(long, null))
        assert.deepStrictEqual(
          purse.spent.map(([, cost]) => cost),
          [...costs]
        )
      }
      yield* paying("", null)
      yield* paying("x".repeat(1_000_000), null)
      assert.lengthOf(purse.spent, 0)
    }).pipe(as("ann"), Effect.provide(access))
  )

  it.live("FZ14 principals take turns: who comes with one waits for few of one who comes with many", () =>
    Effect.gen(function* () {
      const paying = yield* makePaying
      Object.assign(purse, { spent: [], isEmpty: false })
      vi.spyOn(lookingSlices, "over").mockReturnValue(true) // each in a turn of its own
      const done: Array<string> = []
      const comes = (name: string, filter: string) =>
        Effect.forkChild(
          paying(filter, null).pipe(
            as(name),
            Effect.tap(() => Effect.sync(() => done.push(name)))
          ),
          { startImmediately: true }
        )
      const all: Array<Fiber.Fiber<void, HeraldError>> = []
      for (let n = 0; n < 50; n++) all.push(yield* comes("eve", `eve == ${n}`))
      all.push(yield* comes("ann", "ann == 1"))
      assert.lengthOf(done, 0)
      for (const fiber of all) yield* Fiber.join(fiber)
      assert.isAtMost(done.indexOf("ann"), 4)
      assert.lengthOf(done, 51)
    }).pipe(Effect.ensuring(Effect.sync(() => vi.restoreAllMocks())), Effect.provide(access))
  )
})
