/** What each identity may take of the threads, and threads that are starved or dead. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Inline from "../../layers/Workers/work/Inline.ts"
import * as Threads from "../../layers/Workers/work/Threads.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import type { Job } from "../../src/work/Job.ts"
import { type Heard, Threads as ThreadsPort } from "../../src/work/Threads.ts"
import { Workers, workersDefaults } from "../../src/work/Workers.ts"

const on = <A, E>(use: (workers: Workers["Service"]) => Effect.Effect<A, E>) => Effect.flatMap(Workers, use)
const json = (schema: unknown, value: unknown) =>
  on((workers) => workers.read("json", JSON.stringify(value), { schema }))
const as = (name: string) => Effect.provideService(CurrentIdentity, { ...system, name })

const catastrophic = { title: "slow-one", type: "string", pattern: "^(a+)+$" }
const attack = `${"a".repeat(40)}!`
const isSlow = (job: Job) => job.kind === "read" && job.schema?.includes("slow-one") === true && job.text.includes("!")

const patient = { ...workersDefaults, patience: "60 seconds" } as const

describe("Workers", () => {
  const begun: Array<string> = []
  const began = (job: Job) => void (job.kind === "read" && begun.push(job.text))
  const bounds = { jobs: 8, bytes: 1_000_000, allJobs: 12, allBytes: 2_000_000 }
  const given = Effect.provide(
    Layer.fresh(
      Workers.layer({ ...workersDefaults, bounds }).pipe(
        Layer.provide([Inline.layer({ hangs: isSlow, began }), Digests.layer])
      )
    )
  )
  const slow = (n: number) => json({ ...catastrophic, maxLength: 99 + n }, attack)

  it.effect("WK3 FQ2 one identity's slow schemas never make another wait", () =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as("a"))))
      )
      yield* Effect.yieldNow
      // No time passes on the test's clock: what answers has waited for nobody.
      for (let n = 0; n < 20; n++) yield* json({ type: "number" }, n).pipe(as("b"))
      for (let n = 0; n < 9; n++) yield* TestClock.adjust("1 second")
      for (const fiber of busy) assert.strictEqual((yield* Fiber.join(fiber)).name, "InvalidSchema")
    }).pipe(given)
  )

  it.effect("WK3 FQ1 two identities' slow schemas cost a third at most one of them", () =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach([1, 2, 3, 4], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as(n % 2 === 0 ? "a" : "b"))))
      )
      yield* Effect.yieldNow
      const third = yield* Effect.forkChild(json({ type: "number" }, 1).pipe(as("c")))
      yield* Effect.yieldNow
      assert.isUndefined(third.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(third)
      yield* TestClock.adjust("2 seconds")
      for (const fiber of busy) yield* Fiber.join(fiber)
    }).pipe(given)
  )

  it.effect("WK3 refuses what is more than an identity's share, and says when to come again", () =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8, 9], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as("a"))))
      )
      yield* Effect.yieldNow
      const refused = yield* Effect.flip(slow(10).pipe(as("a")))
      yield* json({ type: "number" }, 1).pipe(as("b"))
      yield* Effect.forEach(busy, Fiber.interrupt)

      assert.strictEqual(refused.name, "Busy")
      assert.isAbove(Number(refused.details?.["retryAfterMillis"]), 0)
    }).pipe(given)
  )

  it.effect("WK3 what waits longer than patience fails, and a job whose asker left is not begun", () =>
    Effect.gen(function* () {
      begun.length = 0
      const busy = yield* Effect.forEach([1, 2], (n) => Effect.forkChild(Effect.flip(slow(n).pipe(as(`${n}`)))))
      yield* Effect.yieldNow
      const left = yield* Effect.forkChild(json({ type: "string" }, "left").pipe(as("c")))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("2 seconds")
      yield* json({ type: "string" }, "stayed").pipe(as("c"))
      for (const fiber of busy) yield* Fiber.join(fiber)
      assert.notInclude(begun, '"left"')
      assert.include(begun, '"stayed"')

      const all = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as("a"))))
      )
      const last = yield* Effect.forkChild(
        Effect.flip(json({ type: "string" }, "late").pipe(Effect.delay("1 second"), as("d")))
      )
      yield* Effect.forEach(all, Fiber.interrupt)
      yield* Fiber.interrupt(last)
    }).pipe(given)
  )

  it.effect("WK4 does not read a large text again that it read, for delivery", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const text = JSON.stringify({ pad: "x".repeat(70_000) })
      begun.length = 0
      yield* workers.read("json", text, { schema: { type: "object" } })
      yield* workers.read("json", text, { stored: true })
      assert.strictEqual(begun.length, 1)
      yield* workers.read("json", text)
      yield* workers.read("string", text, { stored: true })
      assert.strictEqual(begun.length, 2)
      const broken = `${text}}`
      for (let n = 0; n < 2; n++) yield* Effect.flip(workers.read("json", broken, { stored: true }))
      assert.strictEqual(begun.length, 4)
      yield* workers.read("json", text, { want: "secrets", stored: true })
      assert.strictEqual(begun.length, 5)
    }).pipe(given)
  )

  it.live("WK1 a large value is read while others have their turn", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      let turns = 0
      const large = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => ({ n })))
      const reading = yield* Effect.forkChild(workers.read("json", large.slice(0, 1_000_000)).pipe(Effect.exit))
      while (reading.pollUnsafe() === undefined) {
        yield* Effect.sleep(1)
        turns++
      }
      assert.isAbove(turns, 2)
    }).pipe(Effect.provide(Workers.layer().pipe(Layer.provide([Threads.layer(), Digests.layer]))))
  )
})

describe("Workers on a machine that is starved", () => {
  it.effect("WK2 each stage of a job may pass its limit by the clock as often as the others", () => {
    const said = Effect.runSync(Queue.unbounded<Heard>())
    const starved = Layer.succeed(ThreadsPort, {
      count: 2,
      start: Effect.succeed({
        tell: () => {},
        heard: said,
        alive: () => true,
        meter: () => Effect.succeed(1), // of CPU, however long it takes
        end: Effect.void
      })
    })
    const text = JSON.stringify({ pad: "x".repeat(70_000) })
    return Effect.gen(function* () {
      const workers = yield* Workers
      const reading = yield* Effect.forkChild(workers.read("json", text, { schema: {} }))
      yield* TestClock.adjust("42 seconds") // of 5 s each
      Queue.offerUnsafe(said, { _tag: "Entered", stage: "schema" })
      yield* TestClock.adjust("8500 millis") // of 1 s each
      assert.isUndefined(reading.pollUnsafe())
      Queue.offerUnsafe(said, { _tag: "Answered", answer: { _tag: "Read", secrets: [], members: undefined } })
      assert.strictEqual((yield* Fiber.join(reading))._tag, "Read")

      const endless = yield* Effect.forkChild(Effect.flip(workers.read("json", text, { schema: {} })))
      Queue.offerUnsafe(said, { _tag: "Entered", stage: "schema" })
      yield* TestClock.adjust("10 seconds") // and no oftener
      assert.strictEqual((yield* Fiber.join(endless)).name, "InvalidSchema")
    }).pipe(
      Effect.provide(
        Workers.layer({ ...workersDefaults, patience: "5 minutes" }).pipe(Layer.provide([starved, Digests.layer]))
      )
    )
  })
})

describe("Workers whose threads die while they have nothing to do", () => {
  it.effect("TH1 no job is given to one", () => {
    const dead = new Set<number>()
    const given: Array<number> = []
    let started = 0
    const mortal = Layer.effect(
      ThreadsPort,
      Effect.map(ThreadsPort, ({ count, start }) => ({
        count,
        start: Effect.map(start, (thread) => {
          const me = ++started
          return {
            ...thread,
            alive: () => thread.alive() && !dead.has(me),
            tell: (job: Job) => {
              given.push(me)
              if (!dead.has(me)) thread.tell(job)
            }
          }
        })
      }))
    ).pipe(Layer.provide(Inline.layer()))
    return Effect.gen(function* () {
      yield* json({ type: "number" }, 1)
      dead.add(1)
      yield* json({ type: "number" }, 2)
      yield* json({ type: "number" }, 3)

      assert.deepStrictEqual(given, [1, 2, 2])
    }).pipe(Effect.provide(Layer.fresh(Workers.layer(patient).pipe(Layer.provide([mortal, Digests.layer])))))
  })
})
