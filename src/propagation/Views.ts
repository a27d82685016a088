/** Lists the views of this node, one for each kind of change. */
import { Context, Effect, Layer, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { gauge } from "../telemetry/Metrics.ts"
import type { View } from "./View.ts"

export class Views extends Context.Service<Views, ReadonlyArray<View>>()("herald/propagation/Views") {
  // biome-ignore lint/suspicious/noExplicitAny: each needs what it needs
  static readonly layer = <V extends ReadonlyArray<Effect.Effect<View, never, any>>>(...views: V) =>
    Layer.effect(Views, Effect.all(views as ReadonlyArray<Effect.Effect<View, never, Effect.Services<V[number]>>>))
}

/** What there is of each kind that is counted. VW4 */
export const countsOf = (views: ReadonlyArray<View>): Readonly<Record<string, number>> =>
  Object.fromEntries(views.flatMap(({ kind, count }) => (count === undefined ? [] : [[kind, count()]])))

/** VW4 */
export const measured = (views: ReadonlyArray<View>) =>
  Effect.forkScoped(
    afterEvery(
      "what this node knows was not counted",
      "5 seconds",
      Effect.suspend(() =>
        Effect.forEach(
          Object.entries(countsOf(views)),
          ([kind, count]) => Metric.update(Metric.withAttributes(known, { kind }), count),
          { discard: true }
        )
      )
    )
  )

const known = gauge(
  "herald_view_entries",
  "what this node knows of each kind: keys, flags, segments that are not deleted, rollouts that are active"
)
