import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { Lag } from "../../src/sessions/Lag.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { publish } from "../support/Release.ts"
import { applied, subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

const client = () => ({ pending: new Set<string>(), answers: true, behind: 0, caughtUp: 0 })
const seconds = (n: number) => BigInt(n) * 1_000_000_000n

describe("Lag", () => {
  it("LG1 a client lags that for 5 s was never done, whether something waits or has no good answer", () => {
    const lag = new Lag()
    const [waits, unanswered, fine] = [client(), client(), client()]
    waits.pending.add("svc")
    unanswered.behind = 1
    const all = [waits, unanswered, fine]
    assert.strictEqual(lag.count(all, 0n), 0)
    assert.strictEqual(lag.count(all, seconds(5) - 1n), 0)
    assert.strictEqual(lag.count(all, seconds(5)), 2)
    waits.pending.clear()
    assert.strictEqual(lag.count(all, seconds(6)), 1)
    waits.pending.add("svc")
    assert.strictEqual(lag.count(all, seconds(7)), 1)
    assert.strictEqual(lag.count(all, seconds(12)), 2)
  })

  it("LG1 one that was done in between does not lag, nor one that never answers", () => {
    const lag = new Lag()
    const [busy, silent] = [client(), { ...client(), answers: false }]
    silent.behind = 1
    busy.behind = 1
    for (let n = 0; n < 100; n++) {
      busy.caughtUp++ // done, and told of the next before the next look
      assert.strictEqual(lag.count([busy, silent], seconds(n)), 0)
    }
    assert.strictEqual(lag.count([busy, silent], seconds(104)), 1)
  })

  it.effect("LG1 the gauge follows what a client is sent, answers and rejects", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      const session = yield* sessions.open(subscription(), sink)
      /** After seven seconds, in which it says that it lives. */
      const lagging = Effect.gen(function* () {
        yield* TestClock.adjust("7 seconds")
        sessions.heard(session, [])
        const found = (yield* Metric.snapshot).find(({ id }) => id === "herald_sessions_lagging")
        return (found?.state as { readonly value: number } | undefined)?.value
      })
      const answer = (good: boolean) => {
        const { answers } = applied(session, sink.values.at(-1)!)
        sessions.heard(session, [{ ...answers[0]!, applied: good }])
      }
      assert.strictEqual(yield* lagging, 0)
      yield* publish({ value: "1" })
      assert.strictEqual(yield* lagging, 1)
      answer(true)
      assert.strictEqual(yield* lagging, 0)
      yield* publish({ value: "2" })
      yield* settle
      answer(false)
      assert.strictEqual(yield* lagging, 1)
      yield* publish({ value: "3" })
      yield* settle
      answer(true)
      assert.strictEqual(yield* lagging, 0)
    }).pipe(Effect.provide(sessionsWith({})), Effect.provide(PerNode.layer))
  )
})
