/** What was done, and is not known to be kept as that by the server. State. QH3, QH4, QH5 in Hands.ts */
import { AnswerKind } from "../../../proto/generated/herald/topics/v1/topics.ts"
import type { InHand, Said } from "./InHand.ts"

/** When and where it was said. */
export interface Sent {
  /** Of the message that it was sent with, on the stream of `session`; 0: it could not be sent, and was on none (-1). */
  readonly receipt: number
  readonly session: number
  /** Milliseconds by the clock. */
  readonly since: number
}

interface One extends Sent {
  readonly said: Said
  readonly token: bigint
  readonly offset: number
}

/** Answers that are kept until they are durable. QH4 */
const mostSettled = 20_000
/** Milliseconds that one is known as done without the server's word: if it comes later than that, somebody wants it again. */
const knownMillis = 300_000

export class Settled {
  readonly #all = new Map<string, One>()

  /** Of the event with this id; undefined: it is to be done. */
  said(id: string, now: number): Said | undefined {
    const one = this.#all.get(id)
    return one === undefined || now - one.since > knownMillis ? undefined : one.said
  }

  /** The answer of the application, unless it comes again by that or was called back (QH5). */
  add({ id, token, offset, recalled }: InHand, said: Said, sent: Sent): void {
    this.#all.delete(id)
    const { ANSWER_KIND_ACCEPT: ACCEPT, ANSWER_KIND_REJECT: REJECT } = AnswerKind
    if (recalled || (said.kind !== ACCEPT && said.kind !== REJECT)) return
    this.#all.set(id, { said, token, offset, ...sent })
    if (this.#all.size > mostSettled) this.#all.delete(this.#all.keys().next().value!)
  }

  /** They were not taken. */
  refused(session: number, token: bigint, first: number, last: number): void {
    for (const [id, one] of this.#all)
      if (one.token === token && one.session === session && one.offset >= first && one.offset <= last)
        this.#all.delete(id)
  }

  durable(session: number, receipt: number): void {
    for (const [id, one] of this.#all) {
      if (one.session !== session || one.receipt === 0) continue
      if (one.receipt > receipt) break
      this.#all.delete(id)
    }
  }

  /** Whether every answer that was sent on that stream is durable. */
  confirmed(session: number): boolean {
    for (const one of this.#all.values()) if (one.session === session && one.receipt > 0) return false
    return true
  }

  clear(): void {
    this.#all.clear()
  }
}
