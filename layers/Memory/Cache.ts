/**
 * The cache in this process.
 *
 *   M1  It holds at most `maxBytes` of values (as UTF-16 and about 500 bytes of the rest); the least recently used go first.
 *   M2  An older revision never replaces a newer one.
 */
import { Effect, Layer } from "effect"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { Cache } from "../../src/propagation/Cache.ts"

const OVERHEAD = 500
const costOf = ({ key, value, schema }: Configuration): number =>
  OVERHEAD + 2 * (key.length + value.length + (schema === null ? 0 : JSON.stringify(schema).length))

export const layerCache = ({ maxBytes }: { readonly maxBytes: number }) =>
  Layer.sync(Cache, () => {
    /** A Map iterates in the order of insertion: the first is the least recently used. */
    const entries = new Map<string, { readonly configuration: Configuration; readonly cost: number }>()
    let bytes = 0

    const remove = (id: string) => {
      const entry = entries.get(id)
      if (entry === undefined) return
      bytes -= entry.cost
      entries.delete(id)
    }

    return Cache.of({
      get: (environment, key) =>
        Effect.sync(() => {
          const id = `${environment}/${key}`
          const entry = entries.get(id)
          if (entry === undefined) return undefined
          entries.delete(id)
          entries.set(id, entry)
          return entry.configuration
        }),
      setIfNewer: (configuration) =>
        Effect.sync(() => {
          const id = `${configuration.environment}/${configuration.key}`
          const held = entries.get(id)
          if (held !== undefined && held.configuration.revision >= configuration.revision) return // M2
          remove(id)
          const cost = costOf(configuration)
          if (cost > maxBytes) return
          entries.set(id, { configuration, cost })
          bytes += cost
          for (const oldest of entries.keys()) {
            if (bytes <= maxBytes) break
            remove(oldest) // M1
          }
        }),
      clear: Effect.sync(() => {
        entries.clear()
        bytes = 0
      })
    })
  })
