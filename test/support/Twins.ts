/** Parts of a node on memory twins, for tests to put together: the real services, on what a test can look into. */

import { Effect, Layer } from "effect"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Cache from "../../layers/Memory/configuration/Cache.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as EphemeralLog from "../../layers/Memory/topics/EphemeralLog.ts"
import { Access } from "../../src/access/Access.ts"
import { approvalKind } from "../../src/approvals/ChangeRequest.ts"
import { protectionKind } from "../../src/approvals/Protection.ts"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import { configurationUpdates } from "../../src/configuration/ConfigurationUpdates.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Statistics } from "../../src/distribution/Statistics.ts"
import { experimentKind } from "../../src/experiments/Experiment.ts"
import { ExperimentView } from "../../src/experiments/ExperimentView.ts"
import { Fanout } from "../../src/fanout/Fanout.ts"
import { HeardLogs } from "../../src/fanout/HeardLogs.ts"
import { flagKind } from "../../src/flags/FeatureFlag.ts"
import { flagSettingsKind } from "../../src/flags/FlagSettings.ts"
import { FlagSettingsView } from "../../src/flags/FlagSettingsView.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { Reports } from "../../src/flags/Reports.ts"
import { segmentKind } from "../../src/flags/Segment.ts"
import { SegmentView } from "../../src/flags/SegmentView.ts"
import { Bookkeeping } from "../../src/fleet/Bookkeeping.ts"
import { MarketData } from "../../src/marketdata/MarketData.ts"
import { MarketStreams } from "../../src/marketdata/MarketStreams.ts"
import { makeKinds } from "../../src/propagation/Kind.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import { Propagation, type PropagationOptions } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { rolloutKind } from "../../src/rollouts/RolloutKind.ts"
import { RolloutView } from "../../src/rollouts/RolloutView.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { scheduleKind } from "../../src/schedules/Schedule.ts"
import { ScheduleView } from "../../src/schedules/ScheduleView.ts"
import { Sessions, type SessionsOptions } from "../../src/sessions/Sessions.ts"
import { ConsumerConnections } from "../../src/subscriptions/ConsumerConnections.ts"
import { Consuming } from "../../src/subscriptions/Consuming.ts"
import { DeadLetters } from "../../src/subscriptions/DeadLetters.ts"
import { Subscriptions } from "../../src/subscriptions/Subscriptions.ts"
import { Activity } from "../../src/topics/Activity.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import { Reading } from "../../src/topics/Reading.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { TopicUsers } from "../../src/topics/TopicUsers.ts"
import * as Sources from "../../src/updates/Sources.ts"
import type { UpdateSource } from "../../src/updates/UpdateSource.ts"
import { Usage } from "../../src/usage/Usage.ts"
import type { Faults } from "./Faults.ts"
import { workers } from "./workers.ts"

export type Stores = Layer.Success<typeof Memory.layer>
type Threads = Parameters<typeof workers>[0]

/** What is below every service, on these stores. */
export const below = <A, E, R>(
  stores: Layer.Layer<A, E, R>,
  { cacheBytes = 1_000_000, threads = {} }: { readonly cacheBytes?: number; readonly threads?: Threads } = {}
) =>
  Layer.mergeAll(
    Layer.provideMerge(Usage.layer(), stores),
    Cache.layer({ maxBytes: cacheBytes }),
    Digests.layer,
    workers(threads)
  )

/** What the log may hold. */
export const known = makeKinds(
  configurationKind,
  flagKind,
  segmentKind,
  flagSettingsKind,
  scheduleKind,
  rolloutKind,
  experimentKind,
  protectionKind,
  approvalKind
)
export const kinds = Layer.succeed(Kinds, known)

const views = Views.layer(
  ConfigurationView,
  FlagView,
  SegmentView,
  FlagSettingsView,
  ScheduleView,
  RolloutView,
  ExperimentView
).pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      ConfigurationView.layer,
      FlagView.layer,
      SegmentView.layer,
      FlagSettingsView.layer,
      ScheduleView.layer,
      RolloutView.layer,
      ExperimentView.layer
    )
  )
)

/** With the view of each kind, as a node has it. */
export const propagation = (changed: Partial<PropagationOptions> = {}) =>
  Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds", ...changed }).pipe(
    Layer.provideMerge(views),
    Layer.provideMerge(kinds)
  )

/** On a database with faults; hints of other writers are lost unless `hints`. */
export const propagationOn = (
  faults: Faults,
  { hints = false, ...cached }: { readonly hints?: boolean; readonly cacheBytes?: number } = {}
) => propagation().pipe(Layer.provideMerge(below(faults.layer(hints), cached)))

/** What clients get of configurations. */
export const configurations = Sources.layer(configurationUpdates)

/** `source`: what clients get; configurations unless it says otherwise. */
export const sessions = <R = Layer.Services<typeof configurations>>(
  changed: Partial<SessionsOptions> = {},
  source: Layer.Layer<UpdateSource, never, R> = configurations as Layer.Layer<UpdateSource, never, R>
) =>
  Sessions.layer({
    node: "test",
    heartbeatInterval: "30 seconds",
    heartbeatTimeout: "90 seconds",
    maxSessions: 100,
    maxSessionsPerIdentity: 100,
    drainSpread: "5 seconds",
    ownership: "principal",
    ...changed
  }).pipe(Layer.provideMerge(Layer.mergeAll(source, Bookkeeping.layer())))

/** What applications report is taken. */
export const reports = Reports.layer({ pepper: "p" }).pipe(Layer.provide(KeyHash.layer))

/** API keys are asked for. */
export const access = Access.layer({ pepper: "p", ratePerSecond: 10_000, burst: 10_000, shared: () => true }).pipe(
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

/** Topics and their subscriptions, as a node has them. */
export const topics = Layer.mergeAll(
  Statistics.layer({ keepMillis: 604_800_000 }).pipe(Layer.provideMerge(Topics.layer)),
  Subscriptions.layer,
  DeadLetters.layer,
  RoutingRules.layer,
  ConsumerConnections.layer().pipe(Layer.provideMerge(Consuming.layer({ run: "test" }))),
  Reading.layer({ waitingReads: 8 }),
  MarketData.layer({ staleMillis: 60_000, topics: ["market-data/normalized/*"] }),
  MarketStreams.layer({ topics: ["market-data/normalized/*"] }).pipe(
    Layer.provideMerge(Fanout.layer({ readers: 100, ringBytes: 1_048_576, ringsBytes: 8_388_608 }))
  )
).pipe(
  Layer.provideMerge(Publishing.layer({ eventBytes: 1_048_576, underWayBytes: 67_108_864 })),
  Layer.provideMerge(Layer.mergeAll(KnownTopics.layer, Activity.layer, TopicUsers.layer, Logs.layer)),
  Layer.provideMerge(HeardLogs.layer),
  Layer.provideMerge(EphemeralLog.layer({ partitionBytes: 1_048_576, allBytes: 4_194_304 }))
)
