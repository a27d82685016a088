/**
 * The list of what runs: what each capability adds to a node, on whatever stores, caches, lanes and workers it is given. One list for the
 * server and for tests.
 */
import { Layer, type Redacted } from "effect"
import { Access, type AccessOptions } from "../access/Access.ts"
import { AuditCheckpoints } from "../access/AuditCheckpoints.ts"
import { configurationKind } from "../configuration/ConfigurationKind.ts"
import { Configurations } from "../configuration/Configurations.ts"
import { configurationUpdates } from "../configuration/ConfigurationUpdates.ts"
import { ConfigurationChanges, ConfigurationView } from "../configuration/ConfigurationView.ts"
import * as AuditGroup from "../consumers/AuditGroup.ts"
import { distribution } from "../edge/grpc/distribution/Routes.ts"
import { access } from "../edge/http/access/Routes.ts"
import { configuration } from "../edge/http/configuration/Routes.ts"
import { errors } from "../edge/http/errors/Routes.ts"
import { fleet } from "../edge/http/fleet/Routes.ts"
import { Bookkeeping } from "../fleet/Bookkeeping.ts"
import { Clients } from "../fleet/Clients.ts"
import { HealthReports } from "../fleet/HealthReports.ts"
import * as Relay from "../outbox/Relay.ts"
import { Kinds } from "../propagation/Kind.ts"
import { Propagation, type PropagationOptions } from "../propagation/Propagation.ts"
import { Views } from "../propagation/View.ts"
import * as Retention from "../retention/Retention.ts"
import { Sessions, type SessionsOptions } from "../sessions/Sessions.ts"
import { UpdateSource } from "../sessions/UpdateSource.ts"
import * as Webhooks from "../webhooks/Webhooks.ts"
import { Workers } from "../work/Workers.ts"

/** What the HTTP door shows. */
export const http = [configuration, fleet, access, errors] as const

/** The services of the gRPC door. */
export const grpc = [distribution] as const

/** What the log may hold. The first is that of changes that name none: it stays the first. */
export const kinds = Kinds.layer(configurationKind)

/** What a node knows of each kind, and what clients get of it. */
const views = Views.layer(ConfigurationChanges).pipe(Layer.provideMerge(ConfigurationView.layer))
const sources = UpdateSource.layer(configurationUpdates)

export interface NodeOptions {
  /** This life of this process, as the other nodes know it; one of its own when left out. */
  readonly run?: string
  readonly node: string
  readonly pepper: Redacted.Redacted | string
  readonly access: Omit<AccessOptions, "pepper">
  readonly sessions: Omit<SessionsOptions, "run" | "node">
  readonly propagation: PropagationOptions
}

/** Every service of a node, from the top down: each stands on those below it. */
export const services = ({ pepper, access, sessions, propagation, ...self }: NodeOptions) =>
  Layer.mergeAll(Configurations.layer, Clients.layer, HealthReports.layer(sessions.ownership)).pipe(
    Layer.provideMerge(Sessions.layer({ ...self, ...sessions })),
    Layer.provideMerge(
      Layer.mergeAll(
        sources,
        Bookkeeping.layer(),
        Access.layer({ pepper, ...access }),
        AuditCheckpoints.layer({ pepper })
      )
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        Propagation.layer(propagation).pipe(Layer.provideMerge(views), Layer.provide(kinds)),
        Workers.layer()
      )
    )
  )

/** What runs beside them. */
export const retention = Retention.layer

/** What runs on an event log. `audit`: clients that come and go are in the audit log. */
export const events = ({ run, audit }: { readonly run: string; readonly audit: boolean }) =>
  Layer.merge(Relay.layer({ run, ...Relay.relayDefaults }), audit ? AuditGroup.layer : Layer.empty)

export const webhooks = Webhooks.layer
