/**
 * Gives each node its own memory of what it notes of itself.
 *
 *   ND1  Two nodes in one process share none of it: neither metrics and exemplars, nor what they go on without, what they said once, and the time
 *        that they have for their end.
 */
import { Context, Effect, Layer, Metric } from "effect"
import { Degraded, makeDegraded } from "./Degraded.ts"
import { ExemplarStore, Exemplars } from "./Exemplars.ts"
import { makeNodeEnd, NodeEnd } from "./LastWords.ts"
import { present } from "./Metrics.ts"
import { makeSaid, Said } from "./Said.ts"

/** Stands below everything else of a node; a new one each time it is built. */
export const layer = Layer.fresh(
  Layer.effectContext(
    Effect.sync(() => {
      const registry = Context.make(Metric.MetricRegistry, new Map())
      present(registry) // MT1
      return registry.pipe(
        Context.add(Degraded, makeDegraded()),
        Context.add(Exemplars, new ExemplarStore()),
        Context.add(Said, makeSaid()),
        Context.add(NodeEnd, makeNodeEnd())
      )
    })
  )
)
