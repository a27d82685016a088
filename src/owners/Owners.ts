/**
 * Sees to it that each active rollout has an owner on some node, and wakes those of this node.
 *
 *   OZ1  Each active rollout is registered on every node, and its owner runs where its turn is (PC1), until it is over.
 *   OZ2  Evidence is asked after once for all owners of a node, every `WATCH`: an owner hears of what is bad within a fifth of a second.
 */
import { Effect, FiberMap, Layer, Metric, Queue } from "effect"
import { Placement } from "../placement/Placement.ts"
import { EvidenceStore } from "../rollouts/EvidenceStore.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import { RolloutView } from "../rollouts/RolloutView.ts"
import { always, every } from "../telemetry/Every.ts"
import { active, activeGauge, missingGauge, ownedGauge } from "./Measured.ts"
import { makeOwner, Owning } from "./Owner.ts"

/** Milliseconds. */
const WATCH = 150

const nameOf = ({ environment, key }: Pick<Rollout, "environment" | "key">): string => `${environment}/${key}`

const make = Effect.gen(function* () {
  const view = yield* RolloutView
  const placement = yield* Placement
  const evidence = yield* EvidenceStore
  const { own, away, monotonic } = yield* makeOwner
  const registered = yield* FiberMap.make<string>()
  /** Those whose turn it is here. */
  const owned = new Map<string, Owning>()
  const news = yield* Queue.sliding<void>(1)

  const tell = (changed: Rollout | undefined) => {
    for (const one of changed === undefined ? owned.values() : []) {
      one.anew = true
      one.wake()
    }
    if (changed !== undefined) owned.get(nameOf(changed))?.wake()
    Queue.offerUnsafe(news, undefined)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => view.listen(tell)),
    (end) => Effect.sync(end)
  )

  const work = ({ environment, key }: Rollout) =>
    Effect.suspend(() => {
      const name = nameOf({ environment, key })
      const owning = new Owning()
      owned.set(name, owning)
      return Effect.ensuring(
        own(environment, key, owning),
        Effect.sync(() => owned.get(name) === owning && owned.delete(name))
      )
    })

  /** OZ1 */
  const register = Effect.gen(function* () {
    const all = new Map([...view.active()].map((rollout) => [nameOf(rollout), rollout]))
    for (const [name] of registered) if (!all.has(name)) yield* FiberMap.remove(registered, name)
    for (const [name, rollout] of all) {
      const turn = Effect.andThen(placement.single(`rollout/${name}`, work(rollout)), Effect.never)
      yield* FiberMap.run(registered, name, Effect.scoped(turn), { onlyIfMissing: true })
    }
    const states = Map.groupBy(all.values(), ({ state }) => state)
    for (const state of active)
      yield* Metric.update(Metric.withAttributes(activeGauge, { state }), states.get(state)?.length ?? 0)
  })

  /** What `changed` said last. */
  let last: ReadonlyMap<string, bigint> = new Map()

  /** OZ2 */
  const watch = Effect.suspend(() => {
    if (owned.size === 0) return away.works
    return Effect.map(evidence.changed, (now) => {
      for (const [name, one] of owned) if (now.get(name) !== last.get(name)) one.wake()
      last = now
    })
  })

  const measure = Effect.suspend(() => {
    const since = [...owned.values()].map(({ missingSince }) => missingSince ?? Number.POSITIVE_INFINITY)
    const first = Math.min(...since)
    const seconds = Number.isFinite(first) ? (monotonic() - first) / 1_000 : 0
    return Effect.andThen(Metric.update(ownedGauge, owned.size), Metric.update(missingGauge, seconds))
  })

  yield* Effect.forkScoped(
    always("rollouts could not be given to their owners", Effect.andThen(register, Queue.take(news)))
  )
  yield* Effect.forkScoped(every("evidence of rollouts was not looked at", WATCH, watch))
  yield* Effect.forkScoped(every("rollouts were not measured", "5 seconds", measure))
})

export const layer = Layer.effectDiscard(make)
