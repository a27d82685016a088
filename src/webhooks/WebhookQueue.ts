/**
 * Port: the webhooks that wait, and those that were sent. Times are by the store's clock. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or
 * `Timeout`.
 *
 *   WQ1  An event is queued once for a target, however often it is added; an event from before the target was known, or older than a week, is
 *        not.
 *   WQ2  A webhook that was claimed is nobody else's until the lease ends. Only the newest claim can say what became of it, except that
 *        "delivered" always counts.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import type { Lease } from "../leases/Leases.ts"

export interface NewWebhook {
  /** The event's id. */
  readonly id: string
  /** When it happened: milliseconds since 1970 by the store's clock. */
  readonly millis: number
  /** `Webhook.pack` */
  readonly record: string
  /** The one target for which a dead webhook is to be revived; null for an event that comes in the usual way. */
  readonly again: string | null
}

export interface Claimed {
  readonly id: string
  readonly record: string
  /** Including the one that this claim is for. */
  readonly attempts: number
  /** Since it was queued. */
  readonly ageMillis: number
  /** It was given up: all that is left to do is to write the dead letter. */
  readonly failed: boolean
  /** What went wrong last; "" before the first attempt. */
  readonly problem: string
}

export type Settled =
  | { readonly state: "delivered" }
  | { readonly state: "dead" }
  | { readonly state: "waiting"; readonly afterMillis: number; readonly problem: string }
  | { readonly state: "failed"; readonly problem: string }

export interface Standing {
  readonly target: string
  readonly waiting: number
  /** Seconds for which the oldest has waited. */
  readonly age: number
}

export class WebhookQueue extends Context.Service<
  WebhookQueue,
  {
    /** Makes the targets known; those that were known keep their time. */
    readonly introduce: (targets: ReadonlyArray<string>) => Effect.Effect<void, HeraldError>
    /** Returns how many were new. `Unkeepable` when the store can never take one of them. */
    readonly add: (
      webhooks: ReadonlyArray<NewWebhook>,
      targets: ReadonlyArray<string>
    ) => Effect.Effect<number, HeraldError | Unkeepable>
    /** At most `limit` that are due, those that have been due the longest first. */
    readonly claim: (
      target: string,
      limit: number,
      leaseMillis: number
    ) => Effect.Effect<ReadonlyArray<Claimed>, HeraldError>
    readonly settle: (
      target: string,
      claimed: Pick<Claimed, "id" | "attempts">,
      settled: Settled
    ) => Effect.Effect<void, HeraldError>
    readonly standing: (targets: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Standing>, HeraldError>
    /**
     * One bounded step, for the holder of the lease: removes what was settled more than eight days ago, and what nobody has sent for as long,
     * which is counted as `abandoned`. Undefined when the lease was taken. LE1
     */
    readonly sweep: (
      lease: Lease,
      leaseMillis: number
    ) => Effect.Effect<{ readonly abandoned: number; readonly more: boolean } | undefined, HeraldError>
  }
>()("herald/webhooks/WebhookQueue") {}
