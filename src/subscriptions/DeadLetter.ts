/** An event that came to nothing, as it is kept. Pure. */

/** Of one subscription; then it is in error until some are removed. */
export const DEAD_LETTERS = 10_000

/** rejected: a consumer said that it will never work. attempts: it failed as often as it may. */
export type DeadReason = "rejected" | "attempts"

/** To be written. */
export interface Letter {
  /** Of the subscription's position. */
  readonly epoch: number
  readonly logEpoch: number
  readonly offset: number
  /** As it is in the log, with its key and its headers: `messageOf` reads it. */
  readonly event: Uint8Array
  /** Milliseconds since 1970; null: not known. */
  readonly publishedAt: number | null
  readonly attempts: number
  readonly reason: DeadReason
  /** What was said last of why it failed. */
  readonly cause: string
  readonly topic: string
}

export interface DeadLetter extends Letter {
  /** Larger than of those that came before. */
  readonly id: number
  readonly partition: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** Why it can't be appended to its topic; "" where nothing says so. */
  readonly refused: string
}
