/**
 * Gathers answers to updates and sends them together.
 *
 *   AK1  Answers of one turn of the event loop go together, in messages of at most 200 KiB, counted in bytes.
 *   AK2  A key has at most one waiting answer, the newest; answers wait for a stream that takes them, one a key at most.
 *   AK3  A reason is well-formed UTF-8 of at most 1,024 bytes.
 */
import { type Ack, AckOutcome } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Clock } from "./Clock.ts"
import type { Version } from "./Entry.ts"
import { mostBytes } from "./Held.ts"

const longestReason = 1_024
const aroundKey = 64

const bytes = new Uint8Array(longestReason)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** AK3. Characters are not split, and half a surrogate pair becomes U+FFFD. */
export const cut = (reason: string): string => {
  const { written } = encoder.encodeInto(reason.slice(0, longestReason).toWellFormed(), bytes)
  return decoder.decode(bytes.subarray(0, written))
}

/** Bytes, at most: UTF-8 has no more than three for each UTF-16 unit. */
const sizeOf = ({ key, reason, epoch }: Ack): number => (key.length + reason.length + epoch.length) * 3 + aroundKey

export class Acks {
  readonly #clock: Clock
  readonly #send: (acks: Array<Ack>) => boolean
  readonly #waiting = new Map<string, Ack>()
  #scheduled = false

  /** `send` returns false when no stream takes them now; whoever opens one calls `flush`. */
  constructor(clock: Clock, send: (acks: Array<Ack>) => boolean) {
    this.#clock = clock
    this.#send = send
  }

  applied(version: Version): void {
    this.#add(version, AckOutcome.ACK_OUTCOME_APPLIED, "")
  }

  rejected(version: Version, reason: string): void {
    this.#add(version, AckOutcome.ACK_OUTCOME_REJECTED, cut(reason))
  }

  flush(): void {
    while (this.#waiting.size > 0) {
      const some: Array<Ack> = []
      let size = 0
      for (const ack of this.#waiting.values()) {
        size += sizeOf(ack)
        if (size > mostBytes && some.length > 0) break
        some.push(ack)
      }
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
      this.flush() // AK1
    })
  }
}
