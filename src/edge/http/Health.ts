/** Answers whether the server is well: liveness, readiness and metrics, without a token. */
import { Effect, Layer, Metric } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import packageJson from "../../../package.json" with { type: "json" }
import { Propagation } from "../../propagation/Propagation.ts"
import { countsOf, Views } from "../../propagation/Views.ts"
import { Degraded } from "../../telemetry/Degraded.ts"
import { Exemplars } from "../../telemetry/Exemplars.ts"
import { readinessOf } from "../../telemetry/Readiness.ts"
import { Runtime } from "../../telemetry/Runtime.ts"
import { json } from "./Answer.ts"
import * as OpenMetrics from "./OpenMetrics.ts"

const { version } = packageJson

/** The process runs. */
const Live = HttpRouter.add("GET", "/livez", Effect.succeed(json({ status: "alive" })))

/** Ready: the database confirms the node's views. While it does not, streams and reads go on, marked stale. DG1 */
const Ready = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const [propagation, without, views] = [yield* Propagation, yield* Degraded, yield* Views]
    yield* router.add(
      "GET",
      "/readyz",
      Effect.sync(() => {
        const { epoch, revision } = propagation.position()
        const { ready, degraded } = readinessOf(propagation.stale(), without)
        const status = ready ? "ready" : "stale"
        const holds = countsOf(views) // VW4
        return json(
          { status, degraded, epoch, revision: Number(revision), holds, version },
          { status: ready ? 200 : 503 }
        )
      })
    )
  })
)

/** With exemplars for those who can read them. */
const Metrics = HttpRouter.add(
  "GET",
  "/metrics",
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const runtime = yield* (yield* Runtime).families
    return OpenMetrics.accepted(headers["accept"])
      ? HttpServerResponse.text(OpenMetrics.format(yield* Metric.snapshot, yield* Exemplars, runtime), {
          contentType: OpenMetrics.CONTENT_TYPE
        })
      : HttpServerResponse.text(`${yield* PrometheusMetrics.format()}${OpenMetrics.text(runtime)}`, {
          contentType: "text/plain; version=0.0.4; charset=utf-8"
        })
  })
)

export const HealthRoutes = Layer.mergeAll(Live, Ready, Metrics)
