/** The shared cache of nodes in one process. */
import { Effect, Layer } from "effect"
import { positionOf, SharedCache } from "../../../src/configuration/SharedCache.ts"
import { covers, replaces } from "../../../src/propagation/Position.ts"
import type { Hub } from "../Hub.ts"

export const layer = ({ values }: Pick<Hub, "values">) =>
  Layer.succeed(SharedCache, {
    get: (environment, key) => Effect.sync(() => values.get(`${environment}/${key}`)),
    setIfNewer: (shared) =>
      Effect.sync(() => {
        const id = `${shared.configuration.environment}/${shared.configuration.key}`
        const held = values.get(id)
        if (replaces(positionOf(shared), held && positionOf(held))) values.set(id, shared)
      }),
    inspect: (epoch, heads) =>
      Effect.sync(() => {
        const gone = heads.filter(({ environment, key, revision }) => {
          const held = values.get(`${environment}/${key}`)
          return held !== undefined && !covers(positionOf(held), { epoch, revision })
        })
        for (const { environment, key } of gone) values.delete(`${environment}/${key}`)
        return { gone, bytes: 0 }
      }),
    outdate: (epoch, heads) => {
      for (const { environment, key, revision } of heads) {
        const held = values.get(`${environment}/${key}`)
        if (held !== undefined && !covers(positionOf(held), { epoch, revision })) values.delete(`${environment}/${key}`)
      }
    }
  })
