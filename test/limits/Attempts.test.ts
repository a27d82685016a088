import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Attempts } from "../../src/limits/Attempts.ts"
import { millisOf } from "../../src/telemetry/Monotonic.ts"

const started = (most?: number) =>
  Effect.map(Clock.Clock, (clock) => {
    const attempts = new Attempts({ perSecond: 1, burst: 5 }, () => millisOf(clock), most)
    const begun: Array<string> = []
    const done: Array<string> = []
    const run = (name: string, says: "right" | "wrong" | "away", known: () => string | undefined = () => undefined) =>
      attempts.run<string, string, never>(name, {
        known,
        attempt: Effect.suspend(() => {
          begun.push(name)
          const over = Effect.andThen(
            Effect.sleep(10),
            Effect.sync(() => done.push(name))
          )
          return Effect.andThen(over, says === "right" ? Effect.succeed(says) : Effect.fail(says))
        }),
        isRight: (exit) => Exit.isSuccess(exit) || (exit.cause.reasons[0] as { error?: unknown }).error === "away",
        refused: (wait) => Effect.fail(`refused ${wait}`)
      })
    /** What each of them came to, at once. */
    const all = Effect.fnUntraced(function* (asked: ReadonlyArray<Effect.Effect<string, string>>) {
      const fiber = yield* Effect.forkChild(Effect.forEach(asked, (one) => settled(one), { concurrency: "unbounded" }))
      yield* TestClock.adjust("900 millis")
      return yield* Fiber.join(fiber)
    })
    return { attempts, begun, done, run, all }
  })
const settled = (one: Effect.Effect<string, string>) =>
  Effect.match(one, { onFailure: (said) => said, onSuccess: (said) => said })
const times = <A>(count: number, one: A): ReadonlyArray<A> => Array.from({ length: count }, () => one)
const count = (said: ReadonlyArray<string>, what: string) => said.filter((one) => one.startsWith(what)).length

describe("Attempts", () => {
  it.effect("GB1 of however many wrong ones at once no more are tried than the bucket has, then as it fills", () =>
    Effect.gen(function* () {
      const { attempts, begun, run, all } = yield* started()
      const said = yield* all([...times(1_000, run("a", "wrong")), run("b", "right")])
      assert.deepStrictEqual([count(said, "wrong"), count(said, "refused"), count(said, "right")], [5, 995, 1])
      assert.isAtMost(Number(said[10]!.slice("refused ".length)), 1_000)
      assert.strictEqual(attempts.size, 0)
      yield* TestClock.adjust("200 millis")
      yield* all(times(1_000, run("a", "wrong")))
      assert.strictEqual(count(begun, "a"), 6)
    })
  )

  it.effect(
    "GB2 all who are right get in, however many come at once, and those whom nobody could judge cost nothing",
    () =>
      Effect.gen(function* () {
        const { attempts, run, all } = yield* started()
        const said = yield* all([
          ...times(3, run("a", "wrong")),
          ...times(50, run("a", "right")),
          ...times(50, run("a", "away"))
        ])
        assert.deepStrictEqual([count(said, "wrong"), count(said, "right"), count(said, "away")], [3, 50, 50])
        assert.strictEqual(attempts.size, 0)
        assert.strictEqual(count(yield* all(times(10, run("a", "wrong"))), "wrong"), 2, "two were left")
      })
  )

  it.effect("GB2 those who wait are served without going deeper with each", () =>
    Effect.gen(function* () {
      const { attempts, done, run, all } = yield* started()
      const waiting = times(
        9_000,
        run("a", "right", () => (done.length > 0 ? "known" : undefined))
      )
      const said = yield* all([...times(5, run("a", "right")), ...waiting])
      assert.deepStrictEqual([count(said, "right"), count(said, "known"), attempts.size], [5, 9_000, 0])
    })
  )

  it.effect("GB2 no more wait than there is room for", () =>
    Effect.gen(function* () {
      const { run, all } = yield* started(10)
      const said = yield* all(times(100, run("a", "right")))
      assert.deepStrictEqual([count(said, "right"), count(said, "refused")], [15, 85])
    })
  )

  it.effect("GB1 what is broken off before it began costs nothing, and afterwards it does; nobody waits for it", () =>
    Effect.gen(function* () {
      const { attempts, begun, run } = yield* started()
      const first = yield* Effect.forEach(times(5, run("a", "right")), (one) => Effect.forkChild(one))
      const behind = yield* Effect.forEach(times(3, run("a", "right")), (one) => Effect.forkChild(settled(one)))
      yield* Effect.yieldNow
      assert.deepStrictEqual([attempts.size, begun.length], [8, 5])
      yield* Fiber.interrupt(behind[0]!)
      assert.deepStrictEqual([attempts.size, attempts.wait("a") > 0], [7, true])
      yield* Fiber.interruptAll(first)
      assert.deepStrictEqual([attempts.size, begun.length], [0, 5])
      assert.match(yield* Fiber.join(behind[1]!), /^refused/)
    })
  )

  it.effect("GB3 who became known meanwhile is let in by no attempt of their own", () =>
    Effect.gen(function* () {
      const { begun, run, all } = yield* started()
      const known = new Set<string>()
      const same = Effect.suspend(() =>
        Effect.tap(
          run("a", "right", () => [...known][0]),
          () => Effect.sync(() => known.add("right"))
        )
      )
      assert.strictEqual(count(yield* all([...times(4, run("a", "wrong")), ...times(50, same)]), "right"), 50)
      assert.strictEqual(begun.length, 5)
    })
  )
})
