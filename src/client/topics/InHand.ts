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
  /** Another when the position was set anew before it came. QH6 in Hands.ts */
  era: number
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

/** Of one message: each may have a reason of 1,000 characters. */
const mostAnswers = 1_000

/** In messages, of which the last has the receipt for all. */
export const partsOf = (
  answers: ReadonlyArray<Answer>,
  receipt: number
): ReadonlyArray<{ readonly answers: Array<Answer>; readonly receipt: bigint }> => {
  const parts = Array.from({ length: Math.max(1, Math.ceil(answers.length / mostAnswers)) }, (_, at) => ({
    answers: answers.slice(at * mostAnswers, (at + 1) * mostAnswers),
    receipt: 0n
  }))
  return parts.map((part, at) => (at === parts.length - 1 ? { ...part, receipt: BigInt(receipt) } : part))
}
