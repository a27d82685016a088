/** Every service of a node, on whatever stores, caches, lanes and validators it is given: one list for the server and for tests. */
import { type Duration, Layer, type Redacted } from "effect"
import { Access } from "./access/Access.ts"
import { AuditCheckpoints } from "./access/AuditCheckpoints.ts"
import { Configurations } from "./configuration/Configurations.ts"
import { Bookkeeping } from "./fleet/Bookkeeping.ts"
import { Clients } from "./fleet/Clients.ts"
import { HealthReports } from "./fleet/HealthReports.ts"
import type { Ownership } from "./fleet/Ownership.ts"
import { Propagation } from "./propagation/Propagation.ts"
import { Sessions } from "./sessions/Sessions.ts"
import { Updates } from "./sessions/Updates.ts"
import { Workers } from "./work/Workers.ts"

export interface ServicesOptions {
  /** This life of this process, as the other nodes know it; one of its own when left out. */
  readonly run?: string
  readonly node: string
  readonly pepper: Redacted.Redacted | string
  readonly heartbeatInterval: Duration.Input
  readonly heartbeatTimeout: Duration.Input
  readonly maxStreams: number
  readonly maxStreamsPerIdentity?: number | undefined
  readonly maxStreamsPerEnvironment?: number | undefined
  /** `principal` when left out. */
  readonly ownership?: Ownership
  readonly drainSpread: Duration.Input
  readonly pollInterval: Duration.Input
  readonly staleAfter: Duration.Input
  readonly ratePerSecond: number
  readonly rateBurst: number
}

export const services = (options: ServicesOptions) => {
  const { node, pepper, heartbeatInterval, heartbeatTimeout, drainSpread, pollInterval, staleAfter } = options
  const ownership = options.ownership ?? "principal"
  const sessions = Sessions.layer({
    ...(options.run === undefined ? {} : { run: options.run }),
    node,
    ownership,
    heartbeatInterval,
    heartbeatTimeout,
    drainSpread,
    maxSessions: options.maxStreams,
    maxSessionsPerIdentity: options.maxStreamsPerIdentity,
    maxSessionsPerEnvironment: options.maxStreamsPerEnvironment
  })
  const access = Access.layer({ pepper, ratePerSecond: options.ratePerSecond, burst: options.rateBurst })
  return Layer.mergeAll(Configurations.layer, Clients.layer, HealthReports.layer(ownership)).pipe(
    Layer.provideMerge(sessions),
    Layer.provideMerge(Layer.mergeAll(Updates.layer, Bookkeeping.layer(), access, AuditCheckpoints.layer({ pepper }))),
    Layer.provideMerge(Layer.merge(Propagation.layer({ pollInterval, staleAfter }), Workers.layer()))
  )
}
