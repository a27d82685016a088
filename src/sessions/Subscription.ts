/** What a client asks for when it connects, checked by the edge. Pure. */
import type { Identity } from "../access/Identity.ts"
import type { ClientView } from "../configuration/Rendering.ts"
import type { Position } from "../propagation/Position.ts"

export interface Subscription {
  readonly client: ClientView
  readonly identity: Identity
  readonly patterns: ReadonlyArray<string>
  /** The client has everything up to here, unless `held` says otherwise. */
  readonly position: Position | undefined
  /** Digest of what the client holds, by key. */
  readonly held: ReadonlyMap<string, string>
  /** Version of the key named like the service that the client has; 0: none. */
  readonly serviceVersion: number
  readonly acceptsDelta: boolean
  /** Understands control messages, and so owes heartbeats. */
  readonly control: boolean
}

export interface Answer {
  readonly key: string
  readonly revision: bigint
  readonly applied: boolean
  readonly reason: string
}

export const instanceKey = (client: Pick<ClientView, "environment" | "service" | "instance">): string =>
  `${client.environment}\u0000${client.service}\u0000${client.instance}`

export const defaultPatterns = (service: string): ReadonlyArray<string> => [service, `${service}.*`]
