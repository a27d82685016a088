/**
 * Keeps the head of every key, and finds their values.
 *
 *   P4, P5 in Values.ts
 *   VC1  Values of a history that was lost are never read again: they go with its heads.
 *   VC2  What changed shortly before a view begins is told to the shared cache: the node that made it may have died before it did.
 */
import { Context, Effect, Layer, Queue } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { isNewer, sameEpoch } from "../propagation/Position.ts"
import type { NextView, View } from "../propagation/View.ts"
import { always } from "../telemetry/Every.ts"
import { Cache } from "./Cache.ts"
import type { Configuration, Head } from "./Configuration.ts"
import { ConfigurationStore } from "./ConfigurationStore.ts"
import { Heads, type PageOptions, slices, type Trait } from "./Heads.ts"
import { SharedCache } from "./SharedCache.ts"
import { makeSharing } from "./Sharing.ts"
import type { Variables } from "./Template.ts"
import { makeValues } from "./Values.ts"
import { walk } from "./Walk.ts"

export class ConfigurationView extends Context.Service<
  ConfigurationView,
  View<Configuration> & {
    /** Undefined when the key never existed; tombstones are returned. */
    readonly head: (environment: string, key: string) => Head | undefined
    /** Environments that have or had a key. `keys`: how many they have now. */
    readonly environments: () => ReadonlyArray<{ readonly environment: string; readonly keys: number }>
    /** Heads in the order of their keys, tombstones included. Takes as long as what it returns. */
    readonly page: (environment: string, options: PageOptions) => ReadonlyArray<Head>
    /**
     * Heads that a pattern covers (`*` covers all), tombstones included, in the order of their keys, in slices of at most 256: for work that
     * yields in between. Each slice is of the moment when it is taken: a key that stays is in exactly one; one that comes or changes meanwhile
     * is told as an event.
     */
    readonly slices: (environment: string, pattern: string, only?: Trait) => Generator<ReadonlyArray<Head>, void>
    /**
     * The current configuration of a key that has a head, from this node's cache, the shared one, or else the database. Fails as
     * `ConfigurationStore.currents`. P4
     */
    readonly value: (environment: string, key: string) => Effect.Effect<Configuration | undefined, HeraldError>
    /** Begins to read a value that is not at hand, for those who ask for it soon. */
    readonly warm: (environment: string, key: string) => void
    /** The environment's template variables; empty when none are defined. Fails as `value`. */
    readonly variables: (environment: string) => Effect.Effect<Variables, HeraldError>
  }
>()("herald/configuration/ConfigurationView") {
  static readonly layer = Layer.effect(
    ConfigurationView,
    Effect.suspend(() => make())
  )
}

/** Heads of one page. */
const HEADS = 2_500
/** How many revisions before the view's are told to the shared cache. VC2 */
const RECENT = 10_000n

const make = Effect.fnUntraced(function* () {
  const store = yield* ConfigurationStore
  const cache = yield* Cache
  const shared = yield* SharedCache
  const share = yield* makeSharing
  const begun = yield* Queue.sliding<void>(1)
  let heads = new Heads()
  let [epoch, began] = ["", 0n]

  const read: Effect.Effect<NextView<Configuration>, HeraldError> = Effect.gen(function* () {
    const found = new Heads()
    let page = yield* store.heads(undefined, HEADS)
    const from = page.position
    let newest = from
    while (true) {
      for (const head of page.heads) {
        found.set(head)
        const at = { epoch: from.epoch, revision: head.revision }
        if (isNewer(at, newest)) newest = at
      }
      if (page.next === undefined) break
      yield* Effect.yieldNow
      page = yield* store.heads(page.next, HEADS)
      if (!sameEpoch(page.position, from)) return yield* read
    }
    return {
      from,
      newest,
      catchUp: (change) => found.set(change),
      begin: (at) => {
        heads = found
        epoch = at.epoch
        began = at.revision
        cache.clear() // VC1
        Queue.offerUnsafe(begun, undefined)
      }
    }
  })

  const view: View<Configuration> = {
    kind: "configuration",
    read,
    apply: (configuration, at) => {
      heads.set(configuration)
      shared.outdate(at.epoch, [configuration])
      cache.setIfNewer({ epoch: at.epoch, configuration })
    },
    committed: (configuration, at) => share({ epoch: at.epoch, configuration }),
    count: () => Array.from(heads.environments()).reduce((sum, environment) => sum + heads.count(environment), 0),
    forget: (horizon) => heads.forget(horizon)
  }

  /** VC2 */
  const outdateRecent = Effect.gen(function* () {
    const [its, of, from] = [heads, epoch, began - RECENT]
    for (const environment of its.environments())
      for (const slice of slices(() => its, environment, "*")) {
        const recent = slice.filter(({ revision }) => revision > from)
        if (recent.length > 0) shared.outdate(of, recent)
        yield* Effect.yieldNow
      }
  })
  yield* Effect.forkScoped(
    always("the shared cache was not told what changed last", Effect.andThen(Queue.take(begun), outdateRecent))
  )

  const head = (environment: string, key: string) => heads.get(environment, key)
  const { value, warm, variables, putBack } = yield* makeValues({ epoch: () => epoch, head, share })
  yield* walk({ heads: () => heads, epoch: () => epoch, putBack })

  return ConfigurationView.of({
    ...view,
    head,
    environments: () =>
      Array.from(heads.environments(), (environment) => ({ environment, keys: heads.count(environment) })),
    page: (...asked) => heads.page(...asked),
    slices: (...asked) => slices(() => heads, ...asked),
    value,
    warm,
    variables
  })
})
