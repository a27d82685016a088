/** Routes without a token: liveness, readiness, metrics. */
import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { Degraded } from "../../propagation/Degraded.ts"
import { Propagation } from "../../propagation/Propagation.ts"
import * as Answers from "./Answers.ts"

/** The process runs. */
const Live = HttpRouter.add("GET", "/livez", Effect.succeed(Answers.json({ status: "alive" })))

/** The node has its view and the database confirms it. While it is not ready, streams and reads go on, marked stale. DG1 */
const Ready = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const [propagation, without] = [yield* Propagation, yield* Degraded]
    yield* router.add(
      "GET",
      "/readyz",
      Effect.sync(() => {
        const { epoch, revision } = propagation.position()
        const stale = propagation.stale()
        return Answers.json(
          {
            status: stale ? "stale" : "ready",
            degraded: [...(stale ? ["postgresql"] : []), ...without].sort(),
            epoch,
            revision: Number(revision)
          },
          { status: stale ? 503 : 200 }
        )
      })
    )
  })
)

export const HealthRoutes = Layer.mergeAll(Live, Ready, PrometheusMetrics.layerHttp({ path: "/metrics" }))
