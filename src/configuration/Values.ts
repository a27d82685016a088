/**
 * Finds the values of heads: in this node's cache, the shared one, or else the database.
 *
 *   P4  Concurrent reads of one value share one load.
 *   P5  A value of this node's cache counts if it is at least as new as the head, in the view's epoch. One of the shared cache counts only
 *       if its position is the head's, and so is the digest of its text, computed here. What the head says, too, is taken from the head.
 */

import { Deferred, Effect, Metric } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { covers, type Position, samePosition } from "../propagation/Position.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { Digest } from "../values/Digest.ts"
import { Cache } from "./Cache.ts"
import type { Configuration, Head } from "./Configuration.ts"
import { ConfigurationStore } from "./ConfigurationStore.ts"
import { positionOf, type Shared, SharedCache } from "./SharedCache.ts"
import { makeTogether } from "./Together.ts"
import { definedBy } from "./Variables.ts"

interface Parts {
  /** The view's epoch now. */
  readonly epoch: () => string
  readonly head: (environment: string, key: string) => Head | undefined
  /** Has a value that came from the database written to the shared cache. */
  readonly share: (value: Shared) => void
}

export const makeValues = Effect.fnUntraced(function* ({ epoch: epochNow, head: headOf, share }: Parts) {
  const current = yield* makeTogether(yield* ConfigurationStore)
  const cache = yield* Cache
  const shared = yield* SharedCache
  const digestOf = yield* Digest
  const scope = yield* Effect.scope
  const loads = new Map<string, Deferred.Deferred<Configuration | undefined, HeraldError>>()
  let [hits, sharedHits, misses] = [0, 0, 0]

  /** P5 */
  const fromShared = Effect.fnUntraced(function* (head: Head, wanted: Position) {
    const { environment, key, digest, deleted } = head
    const found = yield* shared.get(environment, key)
    if (found === undefined || !samePosition(positionOf(found), wanted)) return undefined
    const { configuration } = found
    if (deleted ? configuration.value !== "" : digestOf(configuration.value) !== digest) return undefined
    return { ...configuration, ...head }
  })

  const load = Effect.fnUntraced(function* (head: Head, wanted: Position) {
    const { epoch } = wanted
    const found = yield* fromShared(head, wanted)
    if (found !== undefined && epoch === epochNow()) {
      sharedHits++
      cache.setIfNewer({ epoch, configuration: found })
      return found
    }
    misses++
    const configuration = yield* current(head, wanted)
    if (configuration !== undefined && epoch === epochNow()) {
      cache.setIfNewer({ epoch, configuration })
      share({ epoch, configuration })
    }
    return configuration
  })

  const value = Effect.fnUntraced(function* (environment: string, key: string) {
    const head = headOf(environment, key)
    if (head === undefined) return undefined
    const wanted = { epoch: epochNow(), revision: head.revision }
    const cached = cache.get(environment, key)
    if (cached !== undefined && covers(positionOf(cached), wanted)) {
      hits++
      return cached.configuration
    }
    // A load that began before this head was known may bring an older value.
    const id = `${environment}\u0000${key}\u0000${wanted.epoch}\u0000${wanted.revision}`
    const running = loads.get(id)
    if (running !== undefined) return yield* Deferred.await(running) // P4
    const mine = Deferred.makeUnsafe<Configuration | undefined, HeraldError>()
    loads.set(id, mine)
    // In a fiber of its own: when the reader that began it is interrupted, others still wait for it.
    yield* load(head, wanted).pipe(
      Effect.onExit((exit) => {
        loads.delete(id)
        return Deferred.done(mine, exit)
      }),
      Effect.forkIn(scope)
    )
    return yield* Deferred.await(mine)
  })

  const run = Effect.runForkWith(yield* Effect.context<never>())
  const warm = (environment: string, key: string): void => {
    const head = headOf(environment, key)
    if (head === undefined || head.deleted) return
    const cached = cache.get(environment, key)
    if (cached !== undefined && covers(positionOf(cached), { epoch: epochNow(), revision: head.revision })) return
    run(Effect.ignore(value(environment, key)))
  }

  const variables = (environment: string) => Effect.map(value(environment, VARIABLES_KEY), definedBy)

  const count = Effect.suspend(() => {
    const counts = [
      [Metric.withAttributes(cacheHits, { cache: "node" }), hits],
      [Metric.withAttributes(cacheHits, { cache: "shared" }), sharedHits],
      [cacheMisses, misses]
    ] as const
    hits = sharedHits = misses = 0
    return Effect.forEach(counts, ([metric, n]) => Metric.update(metric, n), { discard: true })
  })
  yield* Effect.forkScoped(afterEvery("reads of values were not counted", "1 second", count))

  /** Puts the current value of a head back into the shared cache. */
  const putBack = ({ environment, key }: Head) =>
    Effect.gen(function* () {
      const epoch = epochNow()
      const configuration = yield* value(environment, key)
      if (configuration !== undefined && epoch === epochNow()) share({ epoch, configuration })
    }).pipe(Effect.ignore)

  return { value, warm, variables, putBack }
})

const cacheHits = counter(
  "herald_cache_hits_total",
  "values that the node's own or the shared cache had",
  each("cache", ["node", "shared"])
)
const cacheMisses = counter("herald_cache_misses_total", "values that were read from PostgreSQL")
