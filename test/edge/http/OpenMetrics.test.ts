import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { accepted, format } from "../../../src/edge/http/OpenMetrics.ts"
import { ExemplarStore } from "../../../src/telemetry/Exemplars.ts"

/** A registry of this test's own. */
const formatted = <A>(made: Effect.Effect<A>, store = new ExemplarStore()) =>
  made.pipe(
    Effect.andThen(Metric.snapshot),
    Effect.map((snapshots) => format(snapshots, store)),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

describe("OpenMetrics", () => {
  it.effect("OM1 counters, gauges and labels are written as the format wants them", () =>
    Effect.gen(function* () {
      const text = yield* formatted(
        Effect.gen(function* () {
          const counter = Metric.counter("a_total", { incremental: true, description: 'says "so"' })
          yield* Metric.update(Metric.withAttributes(counter, { reason: 'a\\b "c"\nd' }), 2)
          yield* Metric.update(Metric.withAttributes(counter, { reason: "e" }), 3)
          yield* Metric.update(Metric.gauge("g"), Number.POSITIVE_INFINITY)
          yield* Metric.update(Metric.counter("no_suffix", { incremental: true }), 1)
        })
      )
      assert.deepStrictEqual(text.split("\n"), [
        "# TYPE a counter",
        '# HELP a says \\"so\\"',
        'a_total{reason="a\\\\b \\"c\\"\\nd"} 2',
        'a_total{reason="e"} 3',
        "# TYPE g gauge",
        "g +Inf",
        "# TYPE no_suffix unknown",
        "no_suffix 1",
        "# EOF",
        ""
      ])
    })
  )

  it.effect("OM1 TE10 buckets go up and have their exemplars", () =>
    Effect.gen(function* () {
      const store = new ExemplarStore()
      const [traceId, spanId] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]
      store.keep("h_seconds", 0, { traceId, spanId, value: 0.25, at: 1_700_000_000_123 })
      store.keep("h_seconds", 2, { traceId, spanId, value: 7, at: 1_700_000_000_000 })
      const histogram = Metric.histogram("h_seconds", { boundaries: [0.5, 1] })
      const text = yield* formatted(
        Effect.forEach([0.25, 0.75, 7], (value) => Metric.update(histogram, value)),
        store
      )
      const labels = `{trace_id="${traceId}",span_id="${spanId}"}`
      assert.deepStrictEqual(text.split("\n"), [
        "# TYPE h_seconds histogram",
        `h_seconds_bucket{le="0.5"} 1 # ${labels} 0.25 1700000000.123`,
        'h_seconds_bucket{le="1.0"} 2',
        `h_seconds_bucket{le="+Inf"} 3 # ${labels} 7 1700000000.000`,
        "h_seconds_sum 8",
        "h_seconds_count 3",
        "# EOF",
        ""
      ])
    })
  )

  it("OM1 is for those who ask for it", () => {
    assert.isTrue(accepted("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2"))
    for (const accept of [undefined, "*/*", "text/plain", "application/openmetrics-text;q=0"])
      assert.isFalse(accepted(accept), accept)
  })
})
