/** What a consumer has in its hands, and what is said of it. Pure. */
import type { Answer, AnswerKind, Event } from "../../../proto/generated/herald/topics/v1/topics.ts"

/** One event that was given to this consumer. */
export interface InHand {
  readonly id: string
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  readonly attempt: number
  readonly publishedMs: number
  readonly event: Event
  readonly lane: string
  /** Of the delivery: another when it came again on a new stream. */
  token: bigint
  /** Its place in the delivery. */
  place: number
  /** The stream that it came on, or came again on. */
  session: number
  /** Milliseconds by the clock: since when it is here, or has been begun. */
  since: number
  recalled: boolean
}

export interface Said {
  readonly kind: AnswerKind
  readonly delayMs?: number
  readonly reason?: string
}

export const answerOf = ({ token, partition, epoch, offset }: InHand, { kind, delayMs, reason }: Said): Answer => ({
  ...{ kind, token, first: { partition, epoch, offset: BigInt(offset) }, lastOffset: BigInt(offset) },
  ...{ delayMs: BigInt(Math.round(delayMs ?? 0)), reason: (reason ?? "").slice(0, 1_000).toWellFormed() }
})
