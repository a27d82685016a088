/** Parts of a node on memory twins, for tests to put together: the real services, on what a test can look into. */
import { Effect, Layer } from "effect"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Cache from "../../layers/Memory/propagation/Cache.ts"
import { Access } from "../../src/access/Access.ts"
import { Bookkeeping } from "../../src/fleet/Bookkeeping.ts"
import { Propagation, type PropagationOptions } from "../../src/propagation/Propagation.ts"
import { Sessions, type SessionsOptions } from "../../src/sessions/Sessions.ts"
import { Updates } from "../../src/sessions/Updates.ts"
import { workers } from "./workers.ts"

export type Stores = Layer.Success<typeof Memory.layer>
type Threads = Parameters<typeof workers>[0]

/** What is below every service, on these stores. */
export const below = <A, E, R>(
  stores: Layer.Layer<A, E, R>,
  { cacheBytes = 1_000_000, threads = {} }: { readonly cacheBytes?: number; readonly threads?: Threads } = {}
) => Layer.mergeAll(stores, Cache.layer({ maxBytes: cacheBytes }), Digests.layer, workers(threads))

export const propagation = (changed: Partial<PropagationOptions> = {}) =>
  Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds", ...changed })

export const sessions = (changed: Partial<SessionsOptions> = {}) =>
  Sessions.layer({
    node: "test",
    heartbeatInterval: "30 seconds",
    heartbeatTimeout: "90 seconds",
    maxSessions: 100,
    maxSessionsPerIdentity: 100,
    drainSpread: "5 seconds",
    ...changed
  }).pipe(Layer.provideMerge(Layer.mergeAll(Updates.layer, Bookkeeping.layer())))

/** API keys are asked for. */
export const access = Access.layer({ pepper: "p", ratePerSecond: 10_000, burst: 10_000 }).pipe(
  Layer.provide(KeyHash.layer)
)

/** Sessions of anybody who comes. `stores`: those of a test that wants them to fail; otherwise memory. */
export const sessionsWith = (
  changed: Partial<SessionsOptions>,
  stores: Layer.Layer<Stores> = Memory.layer,
  threads: Threads = {}
) =>
  sessions(changed).pipe(
    Layer.provideMerge(propagation()),
    Layer.provideMerge(
      Layer.merge(below(stores, { threads }), Layer.mock(Access, { stillValid: () => Effect.succeed(true) }))
    )
  )
