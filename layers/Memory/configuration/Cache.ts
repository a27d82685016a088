/**
 * The cache in this process.
 *
 *   M1  It holds at most `maxBytes` of values (as UTF-16 and about 500 bytes of the rest); the least recently used go first.
 *   M2  An older revision never replaces a newer one of its epoch.
 */
import { Layer } from "effect"
import { Weighed } from "../../../src/bounds/Weighed.ts"
import { Cache } from "../../../src/configuration/Cache.ts"
import { configurationBytes } from "../../../src/configuration/ConfigurationKind.ts"
import { positionOf, type Shared } from "../../../src/configuration/SharedCache.ts"
import { replaces } from "../../../src/propagation/Position.ts"

export const layer = ({ maxBytes }: { readonly maxBytes: number }) =>
  Layer.sync(Cache, () => {
    const values = new Weighed<Shared>(({ configuration }) => configurationBytes(configuration))
    const idOf = (environment: string, key: string) => `${environment}/${key}`
    return Cache.of({
      get: (environment, key) => values.use(idOf(environment, key)),
      setIfNewer: (value) => {
        const { configuration } = value
        const id = idOf(configuration.environment, configuration.key)
        const held = values.get(id)
        if (held !== undefined && !replaces(positionOf(value), positionOf(held))) return // M2
        values.delete(id)
        if (configurationBytes(configuration) > maxBytes) return
        values.set(id, value)
        values.trim(maxBytes) // M1
      },
      clear: () => values.clear()
    })
  })
