import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Effect, Layer, Tracer } from "effect"
import { summaryOf } from "../../../layers/Telemetry/SpanNames.ts"
import * as Telemetry from "../../../layers/Telemetry/Telemetry.ts"
import { Evidence } from "../../../src/telemetry/Evidence.ts"
import { OtlpReceiver } from "../../support/Otlp.ts"

const options = {
  format: "json",
  level: "info",
  node: "n1",
  version: "0"
} as const

const capture = () => {
  const lines: Array<string> = []
  vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0)
  vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(`stdout ${text}`) > 0)
  return lines
}
afterEach(() => vi.restoreAllMocks())

const receiving = Effect.acquireRelease(
  Effect.promise(() => OtlpReceiver.start()),
  (receiver) => Effect.promise(() => receiver[Symbol.asyncDispose]())
)

const talk = Effect.gen(function* () {
  yield* Effect.logDebug("quiet")
  yield* Effect.logInfo("hello", { client: "a" })
  yield* Effect.logError("bad")
})

describe("Telemetry", () => {
  it.live("PR1 what a line says of others can't steer whoever reads the log", () => {
    const lines = capture()
    const evil = "a\u001b[2J\u009b31m\u202e\u{e0041}b"
    const say = Effect.logInfo(evil, { client: evil })
    return Effect.gen(function* () {
      yield* say.pipe(Effect.provide(Telemetry.layer(options)))
      yield* say.pipe(Effect.provide(Telemetry.layer({ ...options, format: "pretty" })))
      vi.restoreAllMocks()

      for (const line of lines) assert.notMatch(line.trimEnd(), /\p{Cc}|[\u202a-\u202e\u{e0000}-\u{e0fff}]/u)
      assert.include(JSON.stringify(JSON.parse(lines[0]!)), JSON.stringify(evil).slice(1, -1))
    })
  })

  it.live("AC4 what is for a collector stays off a terminal, unless it shows debug", () => {
    const lines = capture()
    const was = process.stderr.isTTY
    const say = Effect.andThen(
      Effect.logInfo("for machines").pipe(Effect.provideService(Evidence, true)),
      Effect.logInfo("for all")
    )
    const seen = (isTTY: boolean, level: "info" | "debug", format: "auto" | "pretty" | "json" = "auto") =>
      Effect.gen(function* () {
        process.stderr.isTTY = isTTY
        lines.length = 0
        yield* say.pipe(Effect.provide(Telemetry.layer({ ...options, format, level })))
        return lines.map((line) => /for (machines|all)/.exec(line)?.[1])
      })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* seen(true, "info"), ["all"])
      assert.deepStrictEqual(yield* seen(true, "debug"), ["machines", "all"])
      for (const format of ["auto", "pretty", "json"] as const)
        assert.deepStrictEqual(yield* seen(false, "info", format), ["machines", "all"])
    }).pipe(Effect.ensuring(Effect.sync(() => void (process.stderr.isTTY = was))))
  })

  it.live("writes one JSON object a line to stderr, from its level up, and nothing to stdout", () => {
    const lines = capture()
    return Effect.gen(function* () {
      yield* talk.pipe(Effect.provide(Telemetry.layer(options)))
      vi.restoreAllMocks()

      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line).level),
        ["info", "error"]
      )
      assert.isTrue(lines.every((line) => line.endsWith("\n") && line.trimEnd().split("\n").length === 1))
      assert.include(lines[0], "hello")
    })
  })

  it.live("writes for people when told to, with debug where that is the level", () => {
    const lines = capture()
    return Effect.gen(function* () {
      yield* talk.pipe(Effect.provide(Telemetry.layer({ ...options, format: "pretty", level: "debug" })))
      vi.restoreAllMocks()

      assert.strictEqual(lines.length, 3)
      assert.include(lines[1], "hello")
      assert.throws(() => JSON.parse(lines[1]!))
    })
  })

  it.live("sends spans and logs to the OTLP endpoint when one is set, at the latest when it leaves", () =>
    Effect.gen(function* () {
      capture()
      const receiver = yield* receiving
      yield* talk.pipe(
        Effect.withSpan("Test.talk"),
        Effect.provide(
          Layer.fresh(Telemetry.layer({ ...options, otlp: { endpoint: `${receiver.url}/`, sampleRatio: 1 } }))
        )
      )

      const span = receiver.spans.find(({ name }) => name === "Test.talk")
      assert.strictEqual(span?.resource["service.instance.id"], "n1")
      assert.strictEqual(span?.resource["service.version"], "0")
      const log = receiver.logs.find(({ body }) => body.includes("hello"))
      assert.strictEqual(log?.traceId, span?.traceId)
    })
  )

  it.live("TE2 exports what failed whatever the ratio says, and passes its decision on", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving
      const caller = (sampled: boolean) =>
        Tracer.externalSpan({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled })
      yield* Effect.gen(function* () {
        const mine = yield* Effect.currentSpan.pipe(Effect.withSpan("good"))
        assert.isFalse(mine.sampled)
        yield* Effect.fail("no").pipe(Effect.withSpan("bad"), Effect.exit)
        yield* Effect.void.pipe(Effect.withSpan("the caller samples", { parent: caller(true) }))
        yield* Effect.void.pipe(Effect.withSpan("the caller does not", { parent: caller(false) }))
      }).pipe(
        Effect.provide(Layer.fresh(Telemetry.layer({ ...options, otlp: { endpoint: receiver.url, sampleRatio: 0 } })))
      )

      assert.deepStrictEqual(
        receiver.spans.map(({ name, failed }) => [name, failed]),
        [
          ["bad", true],
          ["the caller samples", false]
        ]
      )
    })
  )

  it.live(
    "TE7 a statement that nobody asked for is exported only if it failed; one of a trace and one with links always",
    () =>
      Effect.gen(function* () {
        const receiver = yield* receiving
        const client = { kind: "client" } as const
        const publisher = Tracer.externalSpan({
          traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          spanId: "00f067aa0ba902b7"
        })
        yield* Effect.gen(function* () {
          yield* Effect.void.pipe(Effect.withSpan("poll", client))
          yield* Effect.fail("no").pipe(Effect.withSpan("poll that failed", client), Effect.exit)
          yield* Effect.void.pipe(Effect.withSpan("asked for", client), Effect.withSpan("request"))
          yield* Effect.void.pipe(Effect.withSpan("of several", client), Effect.linkSpans(publisher))
        }).pipe(
          Effect.provide(Layer.fresh(Telemetry.layer({ ...options, otlp: { endpoint: receiver.url, sampleRatio: 1 } })))
        )

        assert.sameMembers(
          receiver.spans.map(({ name }) => name),
          ["poll that failed", "asked for", "request", "of several"]
        )
      })
  )

  it("TE8 a statement is called by what it does and to what", () => {
    const names = [
      ["\n   select herald_commit($1::text::jsonb, $2) as answers", "select herald_commit"],
      ["select herald_millis(committed_at) as at from revisions r", "select revisions"],
      ["select e.epoch, coalesce(1, 0) from herald_epoch e left join revisions", "select herald_epoch"],
      ["with made as (insert into api_keys (id) values ($1) returning id) select id from made", "insert api_keys"],
      ["update outbox set revision = $1", "update outbox"],
      ["do $herald_migration$ begin\n-- select from nothing\nend", "do"],
      ["begin", ""]
    ] as const
    for (const [statement, name] of names) assert.strictEqual(summaryOf(statement), name)
  })

  it.live("TE2 the ratio decides by the trace id", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving
      const spans = yield* Effect.forEach(Array.from({ length: 400 }), () =>
        Effect.currentSpan.pipe(Effect.withSpan("one"))
      ).pipe(
        Effect.provide(
          Layer.fresh(Telemetry.layer({ ...options, otlp: { endpoint: receiver.url, sampleRatio: 0.25 } }))
        )
      )

      const sampled = spans.filter((span) => span.sampled).map((span) => span.traceId)
      assert.isAbove(sampled.length, 40)
      assert.isBelow(sampled.length, 200)
      assert.sameMembers(
        receiver.spans.map(({ traceId }) => traceId),
        sampled
      )
    })
  )
})
