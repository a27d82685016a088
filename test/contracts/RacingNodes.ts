/** Two nodes on one store, each of which stops where a test has something happen first. */
import { Effect, Layer } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Idempotency } from "../../src/commits/Release.ts"
import type { CommitOptions } from "../../src/commits/Request.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import { covers } from "../../src/propagation/Position.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import * as Twins from "../support/Twins.ts"

/** A node over the stores. `meanwhile` runs once, right before its next commit reaches the store; `looked` after its next look for an earlier one. */
const node = Effect.fnUntraced(function* () {
  const to = yield* Commits
  let meanwhile: Effect.Effect<unknown, unknown> | undefined
  let looked: Effect.Effect<unknown, unknown> | undefined
  let commits = 0
  const interrupted = Commits.of({
    earlier: <C extends Change>(idempotency: Idempotency & { readonly owner: string }) =>
      Effect.tap(to.earlier<C>(idempotency), () => {
        const next = looked ?? Effect.void
        looked = undefined
        return Effect.orDie(next)
      }),
    commit: (release) =>
      Effect.suspend(() => {
        commits++
        const first = meanwhile ?? Effect.void
        meanwhile = undefined
        return Effect.andThen(Effect.orDie(first), to.commit(release))
      })
  })
  const context = yield* Layer.build(
    Configurations.layer.pipe(
      Layer.provideMerge(Twins.propagation()),
      Layer.provide(
        Layer.merge(
          Layer.fresh(Twins.below(Layer.succeed(Commits, interrupted), { cacheBytes: 10_000_000 })),
          Layer.succeed(ConnectedClients, { covering: () => Effect.succeed([]) })
        )
      ),
      Layer.fresh
    )
  )
  const { publish, rollback } = yield* Effect.provideContext(Configurations, context)
  const propagation = yield* Effect.provideContext(Propagation, context)
  const log = yield* RevisionLog
  const as = <A, E>(effect: Effect.Effect<A, E>) => Effect.provideService(effect, CurrentIdentity, system)
  return {
    publish: (drafts: ReadonlyArray<Draft>, options: Partial<CommitOptions> = {}) =>
      as(publish(drafts, { message: "", ...options })),
    rollback: (key: string, environment: string, version: number, options: Partial<CommitOptions> = {}) =>
      as(rollback(environment, key, version, { message: "", ...options })),
    meanwhile: (effect: Effect.Effect<unknown, unknown>) => {
      meanwhile = effect
    },
    looked: (effect: Effect.Effect<unknown, unknown>) => {
      looked = effect
    },
    commits: () => commits,
    /** Ends when this node's view has everything. */
    caughtUp: log.head.pipe(
      Effect.tap(Effect.sleep("10 millis")),
      Effect.repeat({ until: (head) => covers(propagation.position(), head) })
    )
  }
})

export const two = Effect.all([Effect.suspend(node), Effect.suspend(node)])
