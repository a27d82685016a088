/** What a session tells its client. One object is shared by all clients that get the same bytes; an edge encodes it once. Pure. */
import type { Position } from "../propagation/Position.ts"

export type Update =
  | {
      readonly kind: "value" | "deleted"
      readonly environment: string
      readonly key: string
      readonly version: number
      readonly revision: bigint
      readonly epoch: string
      readonly format: string
      /** The whole value, always. */
      readonly content: string
      /** SHA-256 of `content`, hex. */
      readonly digest: string
      /** What travels instead of `content` when the client holds `base`. */
      readonly delta: { readonly base: string; readonly patch: string } | undefined
      /** W3C trace context of the publisher, or "". */
      readonly traceparent: string
      /** Milliseconds since 1970, the database's clock. */
      readonly committedAt: number
      /** The node could not confirm with the database that this is the newest. */
      readonly stale: boolean
      readonly strict: boolean
    }
  | {
      readonly kind: "problem"
      readonly environment: string
      readonly key: string
      readonly revision: bigint
      readonly epoch: string
      /** Why the key can't be sent, for people. */
      readonly message: string
    }
  /** `stale`: this node is not sure that what the client was sent is the newest. */
  | { readonly kind: "synced" | "heartbeat"; readonly position: Position; readonly stale: boolean }
  | { readonly kind: "drain"; readonly reconnectAfterMillis: number }

export type ValueUpdate = Extract<Update, { readonly kind: "value" | "deleted" }>
export type ControlUpdate = Extract<Update, { readonly kind: "synced" | "heartbeat" }>
export type ProblemUpdate = Extract<Update, { readonly kind: "problem" }>

/**
 * What a session remembers of an update once it is sent: no content, and one object for all clients that were told the same.
 * `digest` is that of the stored value; "" for a rendered template, which differs by client and is never patched.
 */
export type Mark = Pick<
  ValueUpdate,
  "kind" | "key" | "version" | "revision" | "epoch" | "digest" | "traceparent" | "committedAt" | "stale"
> & {
  /** Of a rendered template that was sent: the newest revision of what else it is made of. */
  readonly rendered?: bigint
}
