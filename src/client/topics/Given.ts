/** Makes what the application gets of an event that it is to answer. */
import { AnswerKind } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { checkedFail } from "./CheckedTopics.ts"
import type { Consumed } from "./Consumed.ts"
import { received } from "./Event.ts"
import type { InHand, Said } from "./InHand.ts"

const {
  ANSWER_KIND_ACCEPT: ACCEPT,
  ANSWER_KIND_RELEASE: RELEASE,
  ANSWER_KIND_FAIL: FAIL,
  ANSWER_KIND_REJECT: REJECT
} = AnswerKind

export const given = (topic: string, one: InHand, signal: AbortSignal, answer: (said: Said) => void): Consumed => {
  const { partition, epoch, offset, publishedMs, event, attempt } = one
  return Object.assign(received(topic, { partition, epoch, offset }, publishedMs, event), {
    ...{ attempt, signal },
    accept: () => answer({ kind: ACCEPT }),
    release: () => answer({ kind: RELEASE }),
    fail: (options = {}) => {
      const { delayMillis, reason } = checkedFail(options)
      answer({ kind: FAIL, delayMs: delayMillis, reason })
    },
    reject: (reason = "") => answer({ kind: REJECT, reason })
  })
}
