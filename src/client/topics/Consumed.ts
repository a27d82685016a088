/** What a consumer gives to the application, and is told by it. */
import type { Ended } from "../Transport.ts"
import type { Received } from "./Event.ts"
import type { TopicGap } from "./ReadOptions.ts"

export interface FailOptions {
  /** Milliseconds until it comes again. As the subscription says, when left out. */
  readonly delayMillis?: number | undefined
  /** At most 1,000 characters; a dead letter has it. */
  readonly reason?: string | undefined
}

/** An event to be answered. The first answer counts. */
export interface Consumed extends Received {
  /** From 1. */
  readonly attempt: number
  /** Aborts when it took too long, or the consumer is closed and waits no longer. */
  readonly signal: AbortSignal
  /** It is done. */
  readonly accept: () => void
  /** Somebody else is to have it: that counts as no attempt. What of its key waits here is handed back, too. */
  readonly release: () => void
  /** It failed: it comes again, until its attempts are used up. Nothing behind it of its key comes before it. */
  readonly fail: (options?: FailOptions) => void
  /** It will never work: to the dead letters. */
  readonly reject: (reason?: string) => void
}

export interface ConsumeOptions {
  /** Unique in the subscription; made of the instance's name when left out. */
  readonly consumer?: string | undefined
  /** Events that may be here without an answer. 256. */
  readonly prefetch?: number | undefined
  /** Milliseconds that the application may take for one: its lease is extended for so long. 600,000. */
  readonly limitMillis?: number | undefined
  readonly onGap?: ((gap: TopicGap) => void) | undefined
  /**
   * The subscription is "active", "paused", "error" or "stopped", and then it ends with `HRLD-2096`; `blocked`: why nothing comes although there is something; `reason`: why it is in
   * error. Left out: that it is in error is said to the logger.
   */
  readonly onState?: ((status: string, blocked: string, reason: string) => void) | undefined
  readonly onReconnect?: ((why: Ended) => void) | undefined
}
