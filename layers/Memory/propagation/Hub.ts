/** Twins of what nodes share besides the database: a cache and a lane of hints, for nodes in one process. */
import { Effect, Layer } from "effect"
import { layerLane } from "../../../src/propagation/HintLane.ts"
import { covers, replaces } from "../../../src/propagation/Position.ts"
import type { Revision } from "../../../src/propagation/Revision.ts"
import { positionOf, type Shared, SharedCache } from "../../../src/propagation/SharedCache.ts"

export class Hub {
  readonly values = new Map<string, Shared>()
  readonly listeners = new Set<{ readonly revision: (revision: Revision) => void; readonly gap: () => void }>()

  readonly layerSharedCache = Layer.succeed(SharedCache, {
    get: (environment, key) => Effect.sync(() => this.values.get(`${environment}/${key}`)),
    setIfNewer: (shared) =>
      Effect.sync(() => {
        const id = `${shared.configuration.environment}/${shared.configuration.key}`
        const held = this.values.get(id)
        if (replaces(positionOf(shared), held && positionOf(held))) this.values.set(id, shared)
      }),
    inspect: (epoch, heads) =>
      Effect.sync(() => {
        const gone = heads.filter(({ environment, key, revision }) => {
          const held = this.values.get(`${environment}/${key}`)
          return held !== undefined && !covers(positionOf(held), { epoch, revision })
        })
        for (const { environment, key } of gone) this.values.delete(`${environment}/${key}`)
        return { gone, bytes: 0 }
      }),
    outdate: (epoch, heads) => {
      for (const { environment, key, revision } of heads) {
        const held = this.values.get(`${environment}/${key}`)
        if (held !== undefined && !covers(positionOf(held), { epoch, revision }))
          this.values.delete(`${environment}/${key}`)
      }
    }
  })

  readonly layerLane = layerLane(
    Effect.succeed({
      name: "memory",
      tell: (revision) =>
        Effect.sync(() => {
          for (const listener of this.listeners) listener.revision(revision)
        }),
      listen: (on) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              this.listeners.add(on)
              on.gap()
            }),
            () => Effect.sync(() => this.listeners.delete(on))
          )
        )
    })
  )
}
