/**
 * The list of what runs: what each capability adds to a node, on whatever stores, caches, lanes and workers it is given. One list for the
 * server and for tests.
 */
import { Layer, type Redacted } from "effect"
import { Access, type AccessOptions } from "../access/Access.ts"
import { AuditCheckpoints } from "../access/AuditCheckpoints.ts"
import { Configurations } from "../configuration/Configurations.ts"
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
import { Propagation, type PropagationOptions } from "../propagation/Propagation.ts"
import * as Retention from "../retention/Retention.ts"
import { Sessions, type SessionsOptions } from "../sessions/Sessions.ts"
import { Updates } from "../sessions/Updates.ts"
import * as Webhooks from "../webhooks/Webhooks.ts"
import { Workers } from "../work/Workers.ts"

/** What the HTTP door shows. */
export const http = [configuration, fleet, access, errors] as const

/** The services of the gRPC door. */
export const grpc = [distribution] as const

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
        Updates.layer,
        Bookkeeping.layer(),
        Access.layer({ pepper, ...access }),
        AuditCheckpoints.layer({ pepper })
      )
    ),
    Layer.provideMerge(Layer.mergeAll(Propagation.layer(propagation), Workers.layer()))
  )

/** What runs beside them. */
export const retention = Retention.layer

/** What runs on an event log. `audit`: clients that come and go are in the audit log. */
export const events = ({ run, audit }: { readonly run: string; readonly audit: boolean }) =>
  Layer.merge(Relay.layer({ run, ...Relay.relayDefaults }), audit ? AuditGroup.layer : Layer.empty)

export const webhooks = Webhooks.layer
