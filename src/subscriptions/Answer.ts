/** What a consumer says of what it was given. Pure. */

/**
 * accept: it is done. release: again, to anybody; that counts as nothing. fail: again after a delay, until the attempts are used up. reject: to the
 * dead letters. extend: it takes longer.
 */
export const answerKinds = ["accept", "release", "fail", "reject", "extend"] as const
export type AnswerKind = (typeof answerKinds)[number]

export interface Answer {
  readonly kind: AnswerKind
  /** Of the delivery. */
  readonly token: number
  /** Those of the delivery from `first` to `last`. */
  readonly first: number
  readonly last: number
  /** Milliseconds, with fail and release; undefined: as the subscription says, or none. */
  readonly delayMillis?: number
  /** With fail and reject: why. */
  readonly reason?: string
}

/** late: it was given to somebody else, or its time is over. recalled: one before it failed, and it comes again. */
export type Refusal = "late" | "recalled"

export interface Refused {
  readonly token: number
  readonly first: number
  readonly last: number
  readonly why: Refusal
}
