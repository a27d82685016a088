/**
 * Port: how topics were used. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   GS1  What nodes write is added up: of a topic all that was ever counted, and by the minute what all nodes together did. (held by
 *        test/contracts/Statistics.ts)
 *   GS8  What is written is of when it was, not of when it is written: samples of the minute in which their middle is, and of no more than an hour ago. (held by
 *        test/contracts/Statistics.ts)
 *   GS9  The backlog is that of all subscriptions of a topic whose log the store holds, whoever serves them and if nobody does: never too few. (held by
 *        test/contracts/Statistics.ts)
 *   GS2  Of topics that are no more nothing is kept, and of others no more than is asked to be kept. (held by test/contracts/Statistics.ts)
 *   GS7  Who reads touches what is of the time that is asked for and nothing else, and there are at most 400 ranges of anything: whatever is locked while one
 *        reads is bounded. (held by test/contracts/Statistics.test.ts)
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"

/** Of one topic, at one node, since it was written last. */
export interface Sample {
  /** The topic's id. */
  readonly topic: number
  readonly seconds: number
  /** Events; `refused`: that were to be published and are not. */
  readonly published: number
  readonly refused: number
  /** Events that readers were sent, all together. */
  readonly sent: number
  /** Deliveries of subscriptions: accepted, and come to nothing. */
  readonly delivered: number
  readonly failed: number
  /** Milliseconds from when Herald had an event to its last live reader; null: nobody read. */
  readonly p50: number | null
  readonly p99: number | null
  /** Readers and consumers. */
  readonly consumers: number
}

export const statuses = ["delivered", "failed", "retrying"] as const
export type DeliveryStatus = (typeof statuses)[number]

export interface Delivery {
  readonly topic: number
  readonly subscription: string
  /** `MessageId` as text. */
  readonly id: string
  readonly offset: number
  /** Milliseconds. */
  readonly latency: number
  /** How often it failed. */
  readonly retries: number
  readonly status: DeliveryStatus
  /** "": none. At most 1,000 characters. */
  readonly error: string
}

export interface Written {
  /** This life of the node. */
  readonly run: string
  /** One a topic at most. */
  readonly samples: ReadonlyArray<Sample>
  /** `ago`: milliseconds since it happened. */
  readonly deliveries: ReadonlyArray<Delivery & { readonly ago: number }>
}

export interface Totals {
  /** Milliseconds since 1970: when counting began of it. */
  readonly since: number
  readonly published: number
  readonly refused: number
  readonly sent: number
  readonly delivered: number
  readonly failed: number
}

export interface Point {
  /** Milliseconds since 1970. */
  readonly start: number
  /** Events that were published, a second. */
  readonly throughput: number
  readonly p50: number | null
  readonly p99: number | null
  /** 0 to 1. */
  readonly errors: number
  /** Events that are not done, at most, of all subscriptions of the topic; null: nobody knows, as its log is elsewhere. */
  readonly backlog: number | null
  readonly consumers: number
  readonly producers: number
}

export interface Kept {
  /** Undefined: nothing was ever written of it. */
  readonly totals: Totals | undefined
  /** In the order of their time. */
  readonly points: ReadonlyArray<Point>
  /** Newest first. */
  readonly deliveries: ReadonlyArray<Delivery & { readonly at: number }>
}

export interface Asked {
  readonly topic: number
  /** Milliseconds since 1970. */
  readonly since: number
  /** Milliseconds of a point, whole minutes. */
  readonly width: number
  /** Deliveries, at most. */
  readonly limit: number
}

export class StatisticsStore extends Context.Service<
  StatisticsStore,
  {
    /** GS1 */
    readonly write: (written: Written) => Effect.Effect<void, HeraldError>
    readonly read: (asked: Asked) => Effect.Effect<Kept, HeraldError>
    /**
     * For the holder of the lease, which it extends; undefined when the lease was taken. Returns how many topics were forgotten; writes how much is left to
     * do of the others, once for each minute that is over. GS2, GS9, LE1
     */
    readonly sweep: (
      lease: Lease,
      leaseMillis: number,
      keepMillis: number
    ) => Effect.Effect<number | undefined, HeraldError>
    /** Gives back the room of what is before that moment, in milliseconds since 1970. Returns how many ranges were, and are still in use. */
    readonly drop: (before: number) => Effect.Effect<{ readonly dropped: number; readonly left: number }, HeraldError>
  }
>()("herald/distribution/StatisticsStore") {}
