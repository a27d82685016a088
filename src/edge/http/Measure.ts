/** Counts and times every answer, by class of status. */
import { Effect, Metric } from "effect"
import type { HttpServerResponse } from "effect/http"

const requests = Metric.counter("herald_http_requests_total", {
  description: "HTTP requests answered",
  incremental: true
})
const seconds = Metric.histogram("herald_http_request_seconds", {
  description: "time from a request's headers to its answer",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5]
})

const classes = [1, 2, 3, 4, 5].map((first) => Metric.withAttributes(requests, { status: `${first}xx` }))

export const measured = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    return Effect.tap(app, ({ status }) => {
      const took = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9
      const counted = classes[Math.floor(status / 100) - 1] ?? requests
      return Effect.andThen(Metric.update(counted, 1), Metric.update(seconds, took))
    })
  })
