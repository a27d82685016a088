/**
 * The cache in this process.
 *
 *   M1  It holds at most `maxBytes` of values (as UTF-16 and about 500 bytes of the rest); the least recently used go first.
 *   M2  An older revision never replaces a newer one of its epoch.
 */
import { Layer } from "effect"
import { Cache } from "../../../src/configuration/Cache.ts"
import { configurationBytes } from "../../../src/configuration/ConfigurationKind.ts"
import { positionOf, type Shared } from "../../../src/configuration/SharedCache.ts"
import { replaces } from "../../../src/propagation/Position.ts"

export const layer = ({ maxBytes }: { readonly maxBytes: number }) =>
  Layer.sync(Cache, () => {
    /** A Map iterates in the order of insertion: the first is the least recently used. */
    const entries = new Map<string, { readonly value: Shared; readonly cost: number }>()
    let bytes = 0

    const remove = (id: string) => {
      const entry = entries.get(id)
      if (entry === undefined) return
      bytes -= entry.cost
      entries.delete(id)
    }

    return Cache.of({
      get: (environment, key) => {
        const id = `${environment}/${key}`
        const entry = entries.get(id)
        if (entry === undefined) return undefined
        entries.delete(id)
        entries.set(id, entry)
        return entry.value
      },
      setIfNewer: (value) => {
        const { configuration } = value
        const id = `${configuration.environment}/${configuration.key}`
        const held = entries.get(id)
        if (held !== undefined && !replaces(positionOf(value), positionOf(held.value))) return // M2
        remove(id)
        const cost = configurationBytes(configuration)
        if (cost > maxBytes) return
        entries.set(id, { value, cost })
        bytes += cost
        for (const oldest of entries.keys()) {
          if (bytes <= maxBytes) break
          remove(oldest) // M1
        }
      },
      clear: () => {
        entries.clear()
        bytes = 0
      }
    })
  })
