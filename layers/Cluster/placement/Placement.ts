/**
 * Places work by Effect's cluster: a name is a singleton in one of `SHARDS` shards, and the shards are spread over the nodes. What the
 * library is told of nodes and shards comes from our tables (Runs.ts); nothing is sent from node to node, so it has no transport and
 * opens no port.
 */
import { Context, Effect, Fiber, Layer, Metric, Option, References, Tracer } from "effect"
import { make as makeEntityId } from "effect/cluster/EntityId"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import { RunnerStorage } from "effect/cluster/RunnerStorage"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import { lasting } from "../../../src/placement/Lasting.ts"
import { Placement } from "../../../src/placement/Placement.ts"
import { type Member, ShardStore } from "../../../src/placement/ShardStore.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { counter, gauge } from "../../../src/telemetry/Metrics.ts"
import { LIFE, makeLife } from "./Life.ts"
import { addressOf, leaseOf, makeRuns } from "./Runs.ts"

/** All nodes must have the same number, also those of another version: a name's shard is its hash by it. */
const SHARDS = 60

const GROUP = "default"

const configOf = (run: string) =>
  ShardingConfig.layer({
    runnerAddress: Option.some(addressOf(run)),
    availableShardGroups: [GROUP],
    assignedShardGroups: [GROUP],
    shardsPerGroup: SHARDS,
    shardLockExpiration: LIFE,
    shardLockRefreshInterval: LIFE / 3,
    refreshAssignmentsInterval: LIFE / 6,
    // Nothing is polled for; after it the library tries again to get shards when that failed.
    entityMessagePollInterval: LIFE / 6,
    // `nodes` says who lives, and nothing else.
    runnerHealthCheckInterval: "1 day",
    simulateRemoteSerialization: false
  })

const make = Effect.fnUntraced(function* (me: Member) {
  const store = yield* ShardStore
  const life = yield* makeLife
  const runs = makeRuns(store, me, life)
  const sharding = yield* Layer.build(
    Layer.fresh(
      Sharding.layer.pipe(
        Layer.provide([Runners.layerNoop, RunnerHealth.layerNoop]),
        Layer.provide([MessageStorage.layerNoop, Layer.succeed(RunnerStorage, runs.storage), configOf(me.run)])
      )
    )
  ).pipe(
    Effect.map(Context.get(Sharding.Sharding)),
    // What matters of it this node says in its own words, and counts by itself.
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
  const shardOf = (name: string): string => leaseOf(sharding.getShardId(makeEntityId(name), GROUP))

  const names = new Set<string>()
  let doing = 0
  const share = yield* notice("placement", {
    source: "shards",
    began: "this node can't take its share of the work that one node does",
    ended: "this node takes its share of the work that one node does again"
  })
  const look = Effect.suspend(() => {
    const refused = runs.refused()
    return Effect.all([
      refused === undefined ? share.works : share.fails(refused),
      Metric.update(shardsGauge, runs.held()),
      Metric.update(doingGauge, doing)
    ])
  })
  yield* Effect.forkScoped(every("what this node does for all was not counted", "1 second", look))

  return Placement.of({
    single: Effect.fnUntraced(function* <R>(name: string, work: Effect.Effect<void, never, R>) {
      const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context<R>()) as Context.Context<R>
      /** In the context of who registered, with nothing of the library's. */
      const begin = Effect.sync(() => {
        doing++
        return Effect.runForkWith(context)(
          Effect.andThen(Metric.update(begunTotal, 1), life.during(lasting(name, work)))
        )
      })
      const end = (fiber: Fiber.Fiber<never>) =>
        Effect.andThen(
          Fiber.interrupt(fiber),
          Effect.sync(() => doing--)
        )
      const turn = Effect.acquireUseRelease(begin, Fiber.await, end)
      yield* sharding.registerSingleton(name, turn)
      yield* Effect.acquireRelease(
        Effect.sync(() => names.add(name)),
        () => Effect.sync(() => names.delete(name))
      )
    }),
    turns: Effect.suspend(() => {
      const all = [...names].sort()
      return Effect.map(store.holders([...new Set(all.map(shardOf))], LIFE), (holders) => {
        const by = new Map(holders.map((holder) => [holder.name, holder]))
        return all.map((name) => {
          const holder = by.get(shardOf(name))
          return { name, node: holder?.node, run: holder?.run }
        })
      })
    })
  })
})

/** Takes part in the placement of the work of all nodes on the store, as long as the layer lives. */
export const layer = (me: Member) => Layer.effect(Placement, make(me))

const shardsGauge = gauge(
  "herald_placement_shards",
  "shards of 60 that this node has: its share of the work that one node does"
)
const doingGauge = gauge("herald_placement_work", "pieces of work of one node for all whose turn is this node's")
const begunTotal = counter(
  "herald_placement_begun_total",
  "times that it became this node's turn to do a piece of work"
)
