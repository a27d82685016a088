/** Makes what the application gets of an event that it is to answer. */
import { AnswerKind } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { OptionError } from "../ClientError.ts"
import type { Consumed, FailOptions } from "./Consumed.ts"
import { received } from "./Event.ts"
import type { InHand, Said } from "./InHand.ts"

/** Milliseconds. */
const longestDelay = 86_400_000
const {
  ANSWER_KIND_ACCEPT: ACCEPT,
  ANSWER_KIND_RELEASE: RELEASE,
  ANSWER_KIND_FAIL: FAIL,
  ANSWER_KIND_REJECT: REJECT
} = AnswerKind

export const given = (one: InHand, signal: AbortSignal, answer: (said: Said) => void): Consumed => {
  const { partition, epoch, offset, publishedMs, event, attempt } = one
  return Object.assign(received({ partition, epoch, offset }, publishedMs, event), {
    ...{ attempt, signal },
    accept: () => answer({ kind: ACCEPT }),
    release: () => answer({ kind: RELEASE }),
    fail: ({ delayMillis = 0, reason = "" }: FailOptions = {}) => {
      if (!(delayMillis >= 0 && delayMillis <= longestDelay)) throw new OptionError("delayMillis is 0 to 86,400,000.")
      answer({ kind: FAIL, delayMs: delayMillis, reason })
    },
    reject: (reason = "") => answer({ kind: REJECT, reason })
  })
}
