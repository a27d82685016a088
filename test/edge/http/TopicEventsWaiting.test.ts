/** What waits for a client of server-sent events. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Waiting } from "../../../src/edge/http/topics/Events.ts"
import { failure } from "../../../src/errors/HeraldError.ts"

const frames = { of: () => ({ frame: Buffer.alloc(0), text: Buffer.from("}") }) }
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()
const live = { kind: "live", places: [] } as never

describe("what waits for a client of events", () => {
  it.effect("YV1 YV3 what comes just as its silence was told is sent next, and not lost", () =>
    Effect.gen(function* () {
      const waiting = new Waiting("t", "json", frames)
      assert.strictEqual(text(yield* waiting.next), "retry: 1000\n\n")
      const silent = yield* Effect.forkChild(waiting.next, { startImmediately: true })
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(text(yield* Fiber.join(silent)), ":\n\n")
      waiting.write(live)
      const next = yield* Effect.forkChild(waiting.next, { startImmediately: true })
      yield* TestClock.adjust("15 seconds")
      assert.include(text(yield* Fiber.join(next)), "event: live")
      waiting.end(failure("Draining", "the server is leaving"))
      assert.include(text(yield* waiting.next), "event: end")
      assert.isUndefined(yield* waiting.next)
    })
  )
})
