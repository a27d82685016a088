/** What a client asks for when it connects, checked by the edge. Pure. */
import type { Identity } from "../access/Identity.ts"
import type { Position } from "../propagation/Position.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Held } from "./Held.ts"

export interface Subscription {
  readonly client: ClientView
  readonly identity: Identity
  readonly patterns: ReadonlyArray<string>
  /** What it asked for where it may not have all of that; `patterns` are what it is served. XS3 */
  readonly asked?: ReadonlyArray<string>
  /** The client named none: they are its service's. */
  readonly byDefault?: boolean
  /** The client has heard of every deletion up to here. Says nothing of values. */
  readonly position: Position | undefined
  /** What the client holds of each key. The session empties it. */
  readonly held: Held
  readonly acceptsDelta: boolean
  /** Understands control messages, and so owes heartbeats. */
  readonly control: boolean
}

export interface Answer {
  readonly key: string
  readonly revision: bigint
  /** Of the revision; "" means the epoch of the newest update that was sent of the key. */
  readonly epoch: string
  readonly applied: boolean
  /** Why it was rejected; "" when it was applied. */
  readonly reason: string
}
