import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Queue, References } from "effect"
import { TestClock } from "effect/testing"
import { failure } from "../../src/errors/HeraldError.ts"
import { afterEvery, always, every } from "../../src/telemetry/Every.ts"

const logs = () => {
  const lines: Array<string> = []
  const layer = Logger.layer([
    Logger.make(({ message, logLevel }) => {
      const [what, said] = message as [string, { readonly code?: string }?]
      lines.push([logLevel, what, said?.code].filter((one) => one !== undefined).join(" "))
    })
  ])
  return { lines, told: <A, E, R>(work: Effect.Effect<A, E, R>) => work.pipe(Effect.provide(layer), all) }
}
const all = Effect.provideService(References.MinimumLogLevel, "All")

const root = new URL("../../", import.meta.url)

describe("Every", () => {
  it("LP1 the server has no loops of its own beside these", () => {
    /** Pings that end with their subscription, and the twin of a broker. */
    const others = ["layers/Memory/consumers/EventGroups.ts", "layers/Redis/propagation/HintLane.ts"]
    const files = ["src", "layers"].flatMap((folder) =>
      readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`)
    )
    const looping = files.filter(
      (file) =>
        file.endsWith(".ts") &&
        !file.startsWith("src/cli/") &&
        readFileSync(new URL(file, root), "utf8").includes("Effect.forever")
    )
    assert.deepStrictEqual(looping.sort(), [...others, "src/telemetry/Every.ts"])
  })

  it.effect("LP1 work that fails or meets a defect is told, and done again after its pause", () => {
    const { lines, told } = logs()
    let turns = 0
    const work = Effect.suspend(() => {
      turns++
      if (turns === 1) return Effect.fail(failure("DatabaseUnavailable", "it is away"))
      if (turns === 2) return Effect.die(new Error("boom"))
      return Effect.void
    })
    return told(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(every("it was not done", "1 second", work), { startImmediately: true })
        assert.strictEqual(turns, 1)
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(turns, 1)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(turns, 2)
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.interrupt(fiber)

        assert.strictEqual(turns, 5)
        assert.deepStrictEqual(lines, ["Debug it was not done HRLD-4001", "Error it was not done"])
      })
    )
  })

  it.effect("LP1 what begins with a pause is done after it, and a pause may be until something happens", () =>
    Effect.gen(function* () {
      const wake = yield* Queue.sliding<void>(1)
      let turns = 0
      const pause = Queue.take(wake).pipe(Effect.timeoutOption("10 seconds"))
      yield* Effect.forkChild(
        afterEvery(
          "",
          pause,
          Effect.sync(() => turns++)
        ),
        { startImmediately: true }
      )
      assert.strictEqual(turns, 0)
      yield* Queue.offer(wake, undefined)
      yield* TestClock.adjust(1)
      assert.strictEqual(turns, 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(turns, 2)
    })
  )

  it.effect("LP1 work that somebody else interrupted is told as an error, and done again", () => {
    const { lines, told } = logs()
    let turns = 0
    return told(
      Effect.gen(function* () {
        const gone = yield* Queue.unbounded<void>()
        yield* Queue.shutdown(gone)
        const work = Effect.suspend(() => (++turns === 1 ? Queue.take(gone) : Effect.void))
        const fiber = yield* Effect.forkChild(every("it was not done", "1 second", work), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(turns, 3)
        assert.deepStrictEqual(lines, ["Error it was not done"])
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(lines.length, 1)
      })
    )
  })

  it.effect("LP2 work that is always interrupted is no busy loop either", () => {
    const { lines, told } = logs()
    return told(
      Effect.gen(function* () {
        yield* Effect.forkChild(always("it could not be told", Effect.interrupt), { startImmediately: true })
        yield* Effect.repeat(Effect.yieldNow, { times: 100 })
        assert.strictEqual(lines.length, 2)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(lines.length, 3)
      })
    )
  })

  it.effect("LP2 one defect holds nothing up; at the second in a row it rests", () => {
    const { lines, told } = logs()
    let turns = 0
    return told(
      Effect.gen(function* () {
        const queue = yield* Queue.unbounded<"good" | "bad">()
        const work = Effect.flatMap(Queue.take(queue), (what) => {
          turns++
          return what === "bad" ? Effect.die(new Error("boom")) : Effect.void
        })
        yield* Effect.forkChild(always("it could not be told", work), { startImmediately: true })
        yield* Queue.offerAll(queue, ["bad", "good", "bad", "bad", "good"])
        yield* Effect.repeat(Effect.yieldNow, { times: 100 })
        assert.strictEqual(turns, 4)
        yield* TestClock.adjust("1 second")

        assert.strictEqual(turns, 5)
        assert.strictEqual(lines.length, 3)
      })
    )
  })

  it("LP3 work that waits by itself and may fail is no work for `always`", () => {
    const lost = Effect.flatMap(Queue.unbounded<void, "the connection is lost">(), Queue.take)
    // @ts-expect-error: it would fail again and again
    assert.isDefined(always("a hint met a defect", lost))
  })
})
