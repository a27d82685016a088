import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import { BACKLOG_BYTES, makeBacklog } from "../../src/propagation/Backlog.ts"
import { Early } from "../../src/propagation/Early.ts"
import { makeEvents } from "../../src/propagation/Events.ts"
import { makeKinds } from "../../src/propagation/Kind.ts"
import { configuration, revisionOf } from "../support/Configuration.ts"

const MIB = 1_048_576
const big = (revision: number, epoch = "e1") =>
  revisionOf(revision, [configuration("svc", revision, { value: "x".repeat(2 * MIB) })], epoch)

const { bytesOf } = makeKinds(configurationKind)

describe("Backlog", () => {
  const textBacklog = (overflow?: string) =>
    makeBacklog<string>({ entries: 3, bytes: 10, sizeOf: (text) => text.length, ...(overflow ? { overflow } : {}) })
  const takeAll = (take: Effect.Effect<string>, n: number) => Effect.all(Array.from({ length: n }, () => take))

  it.effect("BQ1 in order; beyond its entries or its bytes the oldest go", () =>
    Effect.gen(function* () {
      const backlog = yield* textBacklog()
      for (const one of ["a", "b", "c", "d"]) backlog.offer(one)
      assert.deepStrictEqual(yield* takeAll(backlog.take, 3), ["b", "c", "d"])
      for (const one of ["aaaa", "bbbb", "cccc"]) backlog.offer(one)
      assert.deepStrictEqual(yield* takeAll(backlog.take, 2), ["bbbb", "cccc"])
      backlog.offer("larger than everything")
      backlog.offer("e")
      assert.strictEqual(yield* backlog.take, "e")
    })
  )

  it.effect("BQ1 with a word for what was given up, that word stands for all of it", () =>
    Effect.gen(function* () {
      const backlog = yield* textBacklog("!")
      for (const one of ["a", "b", "c", "d", "e"]) backlog.offer(one)
      assert.deepStrictEqual(yield* takeAll(backlog.take, 2), ["!", "e"])
      backlog.offer("larger than everything")
      assert.strictEqual(yield* backlog.take, "!")
      const waits = yield* Effect.forkChild(backlog.take)
      yield* Effect.yieldNow
      backlog.offer("f")
      assert.strictEqual(yield* Fiber.join(waits), "f")
    })
  )

  it.effect(
    "PE1 a listener that does not take is told once to look at everything, and holds a bounded number of bytes",
    () =>
      Effect.gen(function* () {
        const events = makeEvents(bytesOf)
        const [slow, quick] = [yield* events.listen, yield* events.listen]
        for (let revision = 1; revision <= 22; revision++) {
          events.publish({ _tag: "Committed", revision: big(revision) })
          yield* quick
        }
        const told: Array<string> = []
        for (let i = 0; i < 3; i++) {
          const event = yield* slow
          told.push(event._tag === "Committed" ? String(event.revision.revision) : event._tag)
        }

        assert.deepStrictEqual(told, ["Reset", "21", "22"]) // 4 MiB each: the 4th, the 8th … the 20th gave up what waited
      }).pipe(Effect.scoped)
  )
})

describe("Early", () => {
  const view = { epoch: "e1", revision: 10n }

  it("ER1 holds by position: another history's commit of the same number is not the one whose turn it is", () => {
    const early = new Early(bytesOf, BACKLOG_BYTES)
    early.hold(revisionOf(12, [], "lost"), view)
    assert.strictEqual(early.size, 0)
    early.hold(revisionOf(12, []), view)
    assert.isUndefined(early.next({ epoch: "e2", revision: 11n }))
    assert.isUndefined(early.next({ epoch: "e1", revision: 12n }))
    assert.strictEqual(early.next({ epoch: "e1", revision: 11n })?.revision, 12n)
    assert.strictEqual(early.size, 0)
  })

  it("ER1 what is behind the view, of another history, or far ahead is not held", () => {
    const early = new Early(bytesOf, BACKLOG_BYTES)
    for (const revision of [9, 10, 10 + 1_025]) early.hold(revisionOf(revision, []), view)
    assert.strictEqual(early.size, 0)
    for (const revision of [12, 10 + 1_024]) early.hold(revisionOf(revision, []), view)
    assert.strictEqual(early.size, 2)
    early.prune({ epoch: "e1", revision: 12n })
    assert.strictEqual(early.size, 1)
    early.prune({ epoch: "e2", revision: 0n })
    assert.strictEqual(early.size, 0)
  })

  it("ER1 bytes are bounded, and given back", () => {
    const early = new Early(bytesOf, BACKLOG_BYTES)
    for (let round = 0; round < 3; round++) {
      for (let revision = 12; revision < 40; revision++) early.hold(big(revision), view)
      assert.strictEqual(early.size, Math.floor(BACKLOG_BYTES / (4 * MIB + 2_000)))
      early.prune({ epoch: "e1", revision: 100n })
    }
  })
})
