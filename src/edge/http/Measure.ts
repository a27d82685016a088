/** Counts every answer by class of status, and times it by method and route. */
import { Clock, Effect, Metric } from "effect"
import { HttpRouter, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { counter, each, histogram } from "../../telemetry/Metrics.ts"

const requests = counter(
  "herald_http_requests_total",
  "HTTP requests answered",
  each("status", ["1xx", "2xx", "3xx", "4xx", "5xx"])
)
const seconds = histogram(
  "herald_http_request_seconds",
  "time from a request's headers to its answer",
  [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  []
)

const classes = [1, 2, 3, 4, 5].map((first) => Metric.withAttributes(requests, { status: `${first}xx` }))

/** Methods that the label `method` may have; it has one word for all others. */
const METHODS = new Set(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"])
const NO_ROUTE = "none"
/** By method and route: as many as the contract has. */
const timers = new Map<string, typeof seconds>()
const timerOf = (given: string, route: string) => {
  const method = METHODS.has(given) ? given : "other"
  const id = `${method} ${route}`
  let timer = timers.get(id)
  if (timer === undefined) timers.set(id, (timer = Metric.withAttributes(seconds, { method, route }) as typeof seconds))
  return timer
}

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/** `app`: the router with its routes. `around`: what is done between measuring and the router. */
export const measured = <E, R, E2, R2>(app: App<E, R>, around: (app: App<E, R>) => App<E2, R2>) =>
  Effect.withFiber((fiber): App<E2, R2> => {
    const request = fiber.context.mapUnsafe.get(HttpServerRequest.HttpServerRequest.key)
    let route = NO_ROUTE
    // Inside of `around`, as the router puts the route that it found into the context of its own fiber only.
    const found = Effect.onExit(app, () =>
      Effect.withFiber((inner) => {
        route = inner.context.mapUnsafe.get(HttpRouter.RouteContext.key)?.route.path ?? NO_ROUTE
        return Effect.void
      })
    )
    return Effect.clockWith((clock) => {
      const startedAt = clock.monotonicTimeNanosUnsafe()
      return Effect.tap(around(found), ({ status }) => {
        const took = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9
        const counted = classes[Math.floor(status / 100) - 1] ?? requests
        return Effect.andThen(Metric.update(counted, 1), Metric.update(timerOf(request?.method ?? "", route), took))
      })
    })
  })

/** For requests that are answered without a fiber. `startedAt`: nanoseconds of `now`. */
export const makeCounting = Effect.map(Effect.all([Effect.context<never>(), Clock.Clock]), ([context, clock]) => ({
  now: () => clock.monotonicTimeNanosUnsafe(),
  count: (method: string, route: string, status: number, startedAt: bigint): void => {
    const counted = classes[Math.floor(status / 100) - 1] ?? requests
    counted.updateUnsafe(1, context)
    timerOf(method, route).updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9, context)
  }
}))
