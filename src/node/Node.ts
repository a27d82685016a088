/**
 * The list of what runs: what each capability adds to a node, on whatever stores, caches, lanes and workers it is given. One list for the
 * server and for tests.
 */
import { type Effect, Layer, type Redacted } from "effect"
import type { AccessOptions } from "../access/Access.ts"
import { SocketTickets } from "../access/SocketTickets.ts"
import { Approvals } from "../approvals/Approvals.ts"
import { ApprovalView } from "../approvals/ApprovalView.ts"
import { approvalKind } from "../approvals/ChangeRequest.ts"
import { protectionKind } from "../approvals/Protection.ts"
import { AuditCheckpoints } from "../audit/AuditCheckpoints.ts"
import { configurationKind } from "../configuration/ConfigurationKind.ts"
import { Configurations } from "../configuration/Configurations.ts"
import { configurationUpdates } from "../configuration/ConfigurationUpdates.ts"
import { ConfigurationView } from "../configuration/ConfigurationView.ts"
import * as Templates from "../configuration/Templates.ts"
import * as AuditGroup from "../consumers/AuditGroup.ts"
import { distribution } from "../edge/grpc/distribution/Routes.ts"
import { evaluation, firstEvaluation } from "../edge/grpc/flagd/Evaluation.ts"
import { sync } from "../edge/grpc/flagd/Sync.ts"
import { marketDataStream } from "../edge/grpc/marketdata/Routes.ts"
import { publishing } from "../edge/grpc/publishing/Routes.ts"
import { reporting } from "../edge/grpc/reporting/Routes.ts"
import type { Service } from "../edge/grpc/Service.ts"
import { subscriptionManager } from "../edge/grpc/subscriptions/Manager.ts"
import { topicManager } from "../edge/grpc/topics/Manager.ts"
import { topicService } from "../edge/grpc/topics/Routes.ts"
import { access } from "../edge/http/access/Routes.ts"
import { approvals as approvalRoutes } from "../edge/http/approvals/Routes.ts"
import type { Part } from "../edge/http/Contract.ts"
import { configuration } from "../edge/http/configuration/Routes.ts"
import { errors } from "../edge/http/errors/Routes.ts"
import { experiments as experimentRoutes } from "../edge/http/experiments/Routes.ts"
import { feeds } from "../edge/http/feeds/Routes.ts"
import { flagSettings } from "../edge/http/flagSettings/Routes.ts"
import { flags as flagRoutes } from "../edge/http/flags/Routes.ts"
import { fleet } from "../edge/http/fleet/Routes.ts"
import { limits } from "../edge/http/limits/Routes.ts"
import { marketData as marketDataRoutes } from "../edge/http/marketdata/Routes.ts"
import { ofrep } from "../edge/http/ofrep/Routes.ts"
import { refs as refRoutes } from "../edge/http/refs/Routes.ts"
import { rollouts as rolloutRoutes } from "../edge/http/rollouts/Routes.ts"
import { routes as routeRoutes } from "../edge/http/routes/Routes.ts"
import { schedules as scheduleRoutes } from "../edge/http/schedules/Routes.ts"
import { segments as segmentRoutes } from "../edge/http/segments/Routes.ts"
import { stream } from "../edge/http/stream/Routes.ts"
import { subscriptions as subscriptionRoutes } from "../edge/http/subscriptions/Routes.ts"
import { topics as topicRoutes } from "../edge/http/topics/Routes.ts"
import { usage } from "../edge/http/usage/Routes.ts"
import { experimentKind } from "../experiments/Experiment.ts"
import { Experiments } from "../experiments/Experiments.ts"
import { ExperimentView } from "../experiments/ExperimentView.ts"
import { Feeds } from "../feeds/Feeds.ts"
import { flagKind } from "../flags/FeatureFlag.ts"
import { flagSettingsKind } from "../flags/FlagSettings.ts"
import { FlagSettingsView } from "../flags/FlagSettingsView.ts"
import { Flags } from "../flags/Flags.ts"
import { flagUpdates } from "../flags/FlagUpdates.ts"
import { FlagUses } from "../flags/FlagUses.ts"
import { FlagView } from "../flags/FlagView.ts"
import { Reports } from "../flags/Reports.ts"
import { segmentKind } from "../flags/Segment.ts"
import { SegmentView } from "../flags/SegmentView.ts"
import { Bookkeeping } from "../fleet/Bookkeeping.ts"
import { Clients } from "../fleet/Clients.ts"
import { MarketData } from "../marketdata/MarketData.ts"
import * as Relay from "../outbox/Relay.ts"
import * as Owners from "../owners/Owners.ts"
import type { Kind } from "../propagation/Kind.ts"
import { Kinds } from "../propagation/Kinds.ts"
import { Propagation, type PropagationOptions } from "../propagation/Propagation.ts"
import { Views } from "../propagation/Views.ts"
import { Refs } from "../refs/Refs.ts"
import * as CandidatesOf from "../rollouts/CandidatesOf.ts"
import { rolloutKind } from "../rollouts/RolloutKind.ts"
import { Rollouts } from "../rollouts/Rollouts.ts"
import { RolloutView } from "../rollouts/RolloutView.ts"
import { scheduleKind } from "../schedules/Schedule.ts"
import * as Scheduler from "../schedules/Scheduler.ts"
import { Schedules } from "../schedules/Schedules.ts"
import { ScheduleView } from "../schedules/ScheduleView.ts"
import { HealthReports } from "../sessions/HealthReports.ts"
import { Sessions, type SessionsOptions } from "../sessions/Sessions.ts"
import { defaults, type Settings } from "../settings/Catalogue.ts"
import * as Gathering from "../sightings/Gathering.ts"
import * as Sources from "../updates/Sources.ts"
import type { KindSource } from "../updates/UpdateSource.ts"
import { Usage } from "../usage/Usage.ts"
import * as Webhooks from "../webhooks/Webhooks.ts"
import { Workers } from "../work/Workers.ts"
import { accessOf } from "./AccessOf.ts"
import { flagServices, type Strangers } from "./Flags.ts"
import { judges } from "./Judges.ts"
import { topicServices } from "./Topics.ts"

// biome-ignore lint/suspicious/noExplicitAny: each needs what it needs
type UseCases = Layer.Layer<any, never, any> | Layer.Layer<never, never, any>

/** What a capability adds to a node: whatever of this it has. */
interface Capability {
  /** Its use cases, on all services below: a Layer, or what makes one of the node's settings. */
  readonly services?: UseCases | ((settings: NodeSettings) => UseCases)
  /** A kind of changes that the log may hold. */
  readonly kind?: Kind
  /** What a node knows of them: a service that is a `View`, with its `layer`. */
  // biome-ignore lint/suspicious/noExplicitAny: each needs what it needs
  readonly view?: { readonly layer: Layer.Layer<any, never, any> }
  /** What clients get of them. */
  // biome-ignore lint/suspicious/noExplicitAny: each needs what it needs
  readonly source?: Effect.Effect<KindSource, never, any>
  /** What the doors show of it. */
  readonly http?: Part
  readonly grpc?: Service
}

/** The first stays the first: changes that name no kind are of its kind. */
const capabilities = [
  {
    services: Configurations.layer,
    kind: configurationKind,
    view: ConfigurationView,
    source: configurationUpdates,
    http: configuration,
    grpc: publishing
  },
  {
    services: flagServices,
    kind: flagKind,
    view: FlagView,
    source: flagUpdates,
    http: flagRoutes
  },
  { kind: segmentKind, view: SegmentView, http: segmentRoutes },
  {
    services: ({ run = crypto.randomUUID(), schedules }) =>
      Layer.merge(Schedules.layer, Scheduler.layer({ run, ...schedules })).pipe(
        Layer.provide([Configurations.layer, Flags.layer])
      ),
    kind: scheduleKind,
    view: ScheduleView,
    http: scheduleRoutes
  },
  {
    services: ({ sessions }) =>
      Layer.merge(
        Gathering.layer(sessions),
        Layer.merge(Owners.layer, Rollouts.layer).pipe(Layer.provide([Configurations.layer, Flags.layer]))
      ),
    kind: rolloutKind,
    view: RolloutView,
    http: rolloutRoutes
  },
  {
    services: ({ usage: { keepReportsMillis } }) => Experiments.layer({ keepReportsMillis }),
    kind: experimentKind,
    view: ExperimentView,
    http: experimentRoutes
  },
  { services: Approvals.layer, kind: approvalKind, view: ApprovalView, http: approvalRoutes },
  { kind: protectionKind },
  { services: Refs.layer, http: refRoutes },
  { services: ({ marketData }) => MarketData.layer(marketData), http: marketDataRoutes, grpc: marketDataStream },
  {
    services: ({ pepper }) => Layer.merge(FlagUses.layer, Reports.layer({ pepper })),
    http: usage,
    grpc: reporting
  },
  { kind: flagSettingsKind, view: FlagSettingsView, http: flagSettings },
  { http: ofrep, grpc: evaluation },
  { grpc: firstEvaluation },
  { grpc: sync },
  {
    services: ({ sessions }) => Layer.merge(Clients.layer, HealthReports.layer(sessions.ownership)),
    http: fleet
  },
  { services: ({ feeds: { max } }) => Feeds.layer({ max }), http: feeds },
  {
    services: topicServices,
    http: topicRoutes,
    grpc: topicManager
  },
  { http: subscriptionRoutes, grpc: subscriptionManager },
  { http: routeRoutes },
  { grpc: topicService },
  {
    services: ({ pepper, run = crypto.randomUUID() }) => SocketTickets.layer({ pepper, run }),
    http: stream,
    grpc: distribution
  },
  { http: access },
  { http: limits },
  { http: errors }
] as const satisfies ReadonlyArray<Capability>

type Added<Name extends keyof Capability> = Extract<
  (typeof capabilities)[number],
  { readonly [N in Name]: unknown }
>[Name]

/** What the capabilities that have it add. Never empty: the first has all. */
const added = <Name extends keyof Capability>(name: Name): readonly [Added<Name>, ...ReadonlyArray<Added<Name>>] =>
  capabilities.flatMap((one: Capability) => (one[name] === undefined ? [] : [one[name]])) as never

export const http = added("http")
export const grpc = added("grpc")
export const kinds = Kinds.layer(...added("kind"))
type OfViews = Added<"view">["layer"]
const views = Views.layer(...added("view")).pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      ...(added("view").map(({ layer }) => layer) as unknown as readonly [OfViews, ...ReadonlyArray<OfViews>])
    )
  )
)
const sources = Sources.layer(...added("source")).pipe(Layer.provideMerge(CandidatesOf.layer))

/** What every node is given. */
interface Given {
  /** Who calls without an API key; left out, nobody does but where FLAGS_ANONYMOUS says so. */
  readonly strangers?: Strangers
  /** This life of this process, as the other nodes know it; one of its own when left out. */
  readonly run?: string
  readonly node: string
  readonly pepper: Redacted.Redacted | string
  readonly access: Omit<AccessOptions, "pepper" | "limits"> & { readonly limits?: ReadonlyArray<unknown> }
  readonly sessions: Omit<SessionsOptions, "run" | "node">
  readonly propagation: PropagationOptions
}

/** What capabilities see of the settings: all of them, and what every node is given. */
type NodeSettings = Omit<Settings, keyof Given> & Given
/** A setting that is left out has its default. */
export type NodeOptions = Partial<Omit<Settings, keyof Given>> & Given

type Made<S> = S extends (settings: NodeSettings) => infer L ? L : S
type OfUseCases = Made<Added<"services">>
const useCases = (settings: NodeSettings) =>
  Layer.mergeAll(
    ...(added("services").map((one) => (typeof one === "function" ? one(settings) : one)) as unknown as readonly [
      OfUseCases,
      ...ReadonlyArray<OfUseCases>
    ])
  )

/** Every service of a node, from the top down: each stands on those below it. */
export const services = (options: NodeOptions) => {
  const settings: NodeSettings = { ...defaults, ...options }
  const { run, node, pepper, audit, sessions, propagation, usage } = settings
  return useCases(settings).pipe(
    Layer.provideMerge(judges(usage)),
    Layer.provideMerge(Sessions.layer({ ...(run === undefined ? {} : { run }), node, ...sessions })),
    Layer.provideMerge(
      Layer.mergeAll(
        sources,
        Bookkeeping.layer(),
        Usage.layer(settings.usage),
        accessOf(settings),
        AuditCheckpoints.layer({ pepper, ...audit })
      )
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        Propagation.layer(propagation).pipe(Layer.provideMerge(views), Layer.provideMerge(kinds)),
        Workers.layer()
      )
    ),
    Layer.provideMerge(Templates.layer)
  )
}

/** What runs on an event log. `audit`: clients that come and go are in the audit log. */
export const events = ({ run, audit }: { readonly run: string; readonly audit: boolean }) =>
  Layer.merge(Relay.layer({ run, ...Relay.relayDefaults }), audit ? AuditGroup.layer : Layer.empty).pipe(
    Layer.provide(kinds)
  )

export const webhooks = (options: Webhooks.WebhooksOptions) => Webhooks.layer(options).pipe(Layer.provide(kinds))
