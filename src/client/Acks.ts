/**
 * Answers to updates, sent together.
 *
 *   A1  What was answered in one turn of the event loop goes in one message.
 *   A2  A key has at most one waiting answer, the newest; answers wait for a stream, within that bound.
 */
import { type Ack, AckOutcome } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Clock } from "./Clock.ts"
import type { Version } from "./Entry.ts"

const longestReason = 1024
/** Half of what a server takes in one message. */
const mostTogether = 5_000

export class Acks {
  readonly #clock: Clock
  readonly #send: (acks: Array<Ack>) => boolean
  readonly #waiting = new Map<string, Ack>()
  #scheduled = false

  /** `send` answers false when there is no stream. */
  constructor(clock: Clock, send: (acks: Array<Ack>) => boolean) {
    this.#clock = clock
    this.#send = send
  }

  applied(version: Version): void {
    this.#add(version, AckOutcome.ACK_OUTCOME_APPLIED, "")
  }

  rejected(version: Version, reason: string): void {
    this.#add(version, AckOutcome.ACK_OUTCOME_REJECTED, reason.slice(0, longestReason))
  }

  flush(): void {
    while (this.#waiting.size > 0) {
      const some = [...this.#waiting.values()].slice(0, mostTogether)
      if (!this.#send(some)) return
      for (const { key } of some) this.#waiting.delete(key)
    }
  }

  #add(version: Version, outcome: AckOutcome, reason: string): void {
    this.#waiting.set(version.key, {
      key: version.key,
      revision: version.revision,
      outcome,
      reason,
      epoch: version.epoch
    })
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.soon(() => {
      this.#scheduled = false
      this.flush() // A1
    })
  }
}
