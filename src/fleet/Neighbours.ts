/**
 * Watches the other nodes on the same database: who took an instance from here, and who died. NO4 in Elsewhere.ts.
 *
 *   NO1  An instance has one session in the cluster: the one that the store saw take it last. The other ends with
 *        `SessionReplaced`, or `InstanceOwned` where another principal took it.
 *   NO2  A node that gives no sign of life for the heartbeat's time-out loses its instances, once; one living node at a time looks, and
 *        another when that one dies.
 *   NO3  A node that was cut off from the store judges no other, and claims back the instances that were taken for lost.
 */
import { Duration, Effect, Metric } from "effect"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { every } from "../telemetry/Every.ts"
import { counter } from "../telemetry/Metrics.ts"
import { InstanceStore, type Taken } from "./InstanceStore.ts"

export interface NeighboursOptions {
  readonly run: string
  readonly node: string
  readonly timeout: Duration.Input
  /** Sessions of this run that lost their instance to another node. */
  readonly taken: (sessions: ReadonlyArray<Taken>) => void
  /** Sessions of this run that another node took for lost. */
  readonly doubted: (sessions: ReadonlyArray<string>) => void
}

const ROUND = "2 seconds"

export const makeNeighbours = Effect.fnUntraced(function* ({ run, node, timeout, taken, doubted }: NeighboursOptions) {
  const store = yield* InstanceStore
  const me = { run, node, timeoutMillis: Duration.toMillis(timeout) }

  const round = store.seen(me).pipe(
    Effect.flatMap((said) =>
      Effect.sync(() => {
        taken(said.taken) // NO1
        doubted(said.doubted) // NO3
      })
    )
  )
  const pause = Math.max(1_000, me.timeoutMillis / 6)
  yield* takeTurns({ name: "lost-nodes", run, pause }, (lease) =>
    store
      .lose(lease, leaseMillisOf(pause), me.timeoutMillis)
      .pipe(
        Effect.flatMap((n = 0) =>
          n === 0
            ? Effect.void
            : Effect.andThen(Metric.update(lost, n), Effect.logWarning("a node died with its clients", { clients: n }))
        )
      )
  ) // NO2
  yield* Effect.forkScoped(every("the other nodes were not told that this one lives", ROUND, round))
})

const lost = counter("herald_instances_lost_total", "instances of other nodes that died, as seen by this one")
