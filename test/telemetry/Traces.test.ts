import { assert, describe, it } from "@effect/vitest"
import { Effect, Tracer } from "effect"
import { happened, makeMark, step } from "../../src/telemetry/Traces.ts"

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/** Names of spans that `work` makes by a tracer that keeps them, and where its step is. */
const seen = <A>(work: Effect.Effect<A>, kept: boolean) => {
  const names: Array<string> = []
  const keeping = Tracer.make({
    span: (options) => {
      names.push(options.name)
      return new Tracer.NativeSpan(options)
    }
  })
  return Effect.map(kept ? Effect.withTracer(work, keeping) : work, (found) => ({ names, found }))
}

const inStep = Effect.map(Effect.orDie(Effect.currentSpan), ({ name }) => name).pipe(
  step("step"),
  Effect.withSpan("request")
)
const marked = Effect.map(makeMark, (mark) =>
  mark({ name: "happened", kind: "internal", attributes: {}, traceparents: [traceparent], from: 1, to: 2 })
)

describe("spans that nobody keeps", () => {
  it.effect("TE11 a step and what has happened are spans where there is somebody who keeps them", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* seen(inStep, true), { names: ["request", "step"], found: "step" })
      assert.deepStrictEqual((yield* seen(marked, true)).names, ["happened"])
    })
  )

  it.effect("TE11 and otherwise a step is in its request's", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* seen(inStep, false)).found, "request")
      const alone = Effect.map(Effect.orDie(Effect.currentSpan), ({ name }) => name).pipe(step("alone"))
      assert.strictEqual((yield* seen(alone, false)).found, "alone")
    })
  )

  it.effect("TE11 what happened is noted in a span that is kept, and its attributes are made for nobody else", () =>
    Effect.gen(function* () {
      const events: Array<unknown> = []
      let made = 0
      const note = happened("happened", () => ({ n: ++made }))
      const keeping = (sampled: boolean) =>
        Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan({ ...options, sampled })
            span.event = (name, _, attributes) => void events.push([name, attributes])
            return span
          }
        })
      yield* Effect.withSpan(note, "request")
      yield* Effect.withTracer(note, keeping(true))
      yield* Effect.withTracer(Effect.withSpan(note, "request"), keeping(false))
      assert.strictEqual(made, 0)
      yield* Effect.withTracer(Effect.withSpan(note, "request"), keeping(true))
      assert.deepStrictEqual(events, [["happened", { n: 1 }]])
    })
  )
})
