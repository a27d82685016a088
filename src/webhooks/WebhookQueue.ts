/**
 * Port: webhooks that wait, and which were sent. Times are the store's own.
 *
 *   WQ1  An event is queued once for a target, however often it is added; not one from before the target was known, nor one older than a week.
 *   WQ2  A webhook that was claimed is nobody else's until the lease ends; only the newest claim can say what became of it, but that it
 *        was delivered always counts.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import type { Lease } from "../leases/Leases.ts"

export interface NewWebhook {
  /** The event's. */
  readonly id: string
  /** When it happened, milliseconds since 1970 by the store's clock. */
  readonly millis: number
  /** `Webhook.pack` */
  readonly record: string
  /** A target for which a dead one is revived; null for an event that comes in the usual way. */
  readonly again: string | null
}

export interface Claimed {
  readonly id: string
  readonly record: string
  /** With the one that this claim is for. */
  readonly attempts: number
  readonly ageMillis: number
  /** Given up: only the dead letter is to be written. */
  readonly failed: boolean
  /** What went wrong last, "" before the first attempt. */
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
  /** Seconds that the oldest waits. */
  readonly age: number
}

export class WebhookQueue extends Context.Service<
  WebhookQueue,
  {
    /** Makes the targets known; those that were keep their time. */
    readonly introduce: (targets: ReadonlyArray<string>) => Effect.Effect<void, HeraldError>
    /** Returns how many were new. `Unkeepable` when the store can never take one of them. */
    readonly add: (
      webhooks: ReadonlyArray<NewWebhook>,
      targets: ReadonlyArray<string>
    ) => Effect.Effect<number, HeraldError | Unkeepable>
    /** Those that are due, the longest first. */
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
     * One bounded step, for the holder of the lease: removes what was settled more than eight days ago; what nobody sends any more is removed
     * after as long, and counted. Undefined when the lease was taken. LE1
     */
    readonly sweep: (
      lease: Lease,
      leaseMillis: number
    ) => Effect.Effect<{ readonly abandoned: number; readonly more: boolean } | undefined, HeraldError>
  }
>()("herald/webhooks/WebhookQueue") {}
