/**
 * `herald/testing`: Herald in the process of a test, on memory twins. The same list of what runs as the server's (node/Node.ts); every
 * service is the real one, and any Layer below it can be replaced. See docs/testing-with-layers.md.
 */
import { Context, type Duration, Effect, Layer, type Redacted } from "effect"
import * as KeyHash from "../layers/Crypto/access/KeyHash.ts"
import * as Digests from "../layers/Crypto/values/Digest.ts"
import { GrpcServer } from "../layers/Grpc/GrpcServer.ts"
import * as MemoryCache from "../layers/Memory/configuration/Cache.ts"
import * as Memory from "../layers/Memory/Memory.ts"
import * as EphemeralLog from "../layers/Memory/topics/EphemeralLog.ts"
import * as Probe from "../layers/Webhook/owners/Probe.ts"
import * as Threads from "../layers/Workers/work/Threads.ts"
import { Access } from "./access/Access.ts"
import { CurrentIdentity, system } from "./access/Identity.ts"
import type { HeraldError } from "./errors/HeraldError.ts"
import type { Ownership } from "./fleet/Ownership.ts"
import { grpc, services } from "./node/Node.ts"
import * as PerNode from "./telemetry/PerNode.ts"

export { Hub } from "../layers/Memory/Hub.ts"
export { CurrentIdentity, system } from "./access/Identity.ts"
export { Commits } from "./commits/Commits.ts"
export { Cache } from "./configuration/Cache.ts"
export { ConfigurationStore } from "./configuration/ConfigurationStore.ts"
export { Configurations } from "./configuration/Configurations.ts"
export { ConfigurationView } from "./configuration/ConfigurationView.ts"
export { SharedCache } from "./configuration/SharedCache.ts"
export { failure, HeraldError } from "./errors/HeraldError.ts"
export { Clients } from "./fleet/Clients.ts"
export { InstanceStore } from "./fleet/InstanceStore.ts"
export { HintLanes, layerLane } from "./propagation/HintLanes.ts"
export { Propagation } from "./propagation/Propagation.ts"
export { RevisionLog } from "./propagation/RevisionLog.ts"
export { Held } from "./sessions/Held.ts"
export type { Sink } from "./sessions/Session.ts"
export { Sessions } from "./sessions/Sessions.ts"
export type { Subscription } from "./sessions/Subscription.ts"
export type { Update } from "./updates/Update.ts"

/** The stores of a database, in memory. */
export const stores = Memory.layer

/** Times are durations; the rest counts. */
export interface TestNodeOptions {
  /** This life of the node, as the others know it; one of its own when left out. */
  readonly run?: string
  readonly node: string
  readonly pepper: Redacted.Redacted | string
  readonly heartbeatInterval: Duration.Input
  readonly heartbeatTimeout: Duration.Input
  readonly maxStreams: number
  readonly maxStreamsPerIdentity?: number | undefined
  readonly maxStreamsPerEnvironment?: number | undefined
  readonly ownership: Ownership
  readonly drainSpread: Duration.Input
  readonly pollInterval: Duration.Input
  readonly staleAfter: Duration.Input
  /** Requests. */
  readonly ratePerSecond: number
  readonly rateBurst: number
  /** Narrower ones: as HERALD_LIMITS. */
  readonly limits: ReadonlyArray<unknown>
}

const defaults: TestNodeOptions = {
  node: "test",
  pepper: "only for tests",
  heartbeatInterval: "30 seconds",
  heartbeatTimeout: "90 seconds",
  maxStreams: 1_000,
  maxStreamsPerIdentity: 1_000,
  maxStreamsPerEnvironment: 1_000,
  ownership: "principal",
  drainSpread: "1 second",
  pollInterval: "500 millis",
  staleAfter: "3 seconds",
  ratePerSecond: 100_000,
  rateBurst: 100_000,
  limits: []
}

/** Every service of a server. Provide `stores`, or what stands for them, in front. */
export const node = (options: Partial<TestNodeOptions> = {}) => {
  const all = { ...defaults, ...options }
  return services({
    ...(all.run === undefined ? {} : { run: all.run }),
    node: all.node,
    pepper: all.pepper,
    access: { ratePerSecond: all.ratePerSecond, burst: all.rateBurst, limits: all.limits },
    sessions: {
      heartbeatInterval: all.heartbeatInterval,
      heartbeatTimeout: all.heartbeatTimeout,
      drainSpread: all.drainSpread,
      maxSessions: all.maxStreams,
      maxSessionsPerIdentity: all.maxStreamsPerIdentity,
      maxSessionsPerEnvironment: all.maxStreamsPerEnvironment,
      ownership: all.ownership
    },
    propagation: { pollInterval: all.pollInterval, staleAfter: all.staleAfter }
  }).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        MemoryCache.layer({ maxBytes: 64 * 1_048_576 }),
        EphemeralLog.layer({ partitionBytes: 4_194_304, allBytes: 16_777_216 }),
        Digests.layer,
        Threads.layer(),
        Probe.layer({ near: [] }),
        KeyHash.layer
      )
    ),
    Layer.provideMerge(PerNode.layer)
  )
}

/** A gRPC door on a free port of loopback, and a token that may do everything. */
export class Herald extends Context.Service<Herald, { readonly grpc: string; readonly token: string }>()(
  "herald/testing/Herald"
) {
  static readonly layer = Layer.effect(
    Herald,
    Effect.gen(function* () {
      const access = yield* Access
      const { token } = yield* access
        .createKey({ name: "test", role: "admin", environments: ["*"], expiresAt: null })
        .pipe(Effect.provideService(CurrentIdentity, system))
      return Herald.of({ grpc: `127.0.0.1:${(yield* GrpcServer).port}`, token })
    })
  ).pipe(Layer.provideMerge(GrpcServer.layer({ host: "127.0.0.1", port: 0, maxStreams: defaults.maxStreams }, grpc)))
}

/** Runs as the server itself, which may do everything. */
export const asSystem = <A, R>(effect: Effect.Effect<A, HeraldError, R>): Effect.Effect<A, HeraldError, R> =>
  Effect.provideService(effect, CurrentIdentity, system)
