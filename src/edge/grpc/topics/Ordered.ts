/** Gives answers of a stream back in the order of what they answer, and knows how much has none yet. Pure state. TQ1, TQ2 in PublishStream.ts */
import { Effect } from "effect"
import type { PublishStreamResponse } from "../../../../proto/generated/herald/topics/v1/topics.ts"

export interface Slot {
  readonly bytes: number
  answer: PublishStreamResponse | undefined
}

interface Way {
  /** False when it will have no more until it is drained. */
  readonly write: (answer: PublishStreamResponse) => boolean
  readonly drained: (then: () => void) => void
}

export class Ordered {
  readonly #way: Way
  readonly #most: { readonly window: number; readonly bytes: number }
  readonly #now: () => number
  readonly #slots: Array<Slot> = []
  #bytes = 0
  #blockedAt: number | undefined
  #stopped = false
  #waits: { readonly holds: () => boolean; readonly go: () => void } | undefined

  /** `now`: milliseconds. */
  constructor(way: Way, most: { readonly window: number; readonly bytes: number }, now: () => number) {
    this.#way = way
    this.#most = most
    this.#now = now
  }

  /** Milliseconds for which the client has taken none of what waits for it; 0 while nothing does. */
  get stuckFor(): number {
    return this.#blockedAt === undefined ? 0 : this.#now() - this.#blockedAt
  }

  /** A place for the next answer, to something of so many bytes. */
  take(bytes: number): Slot {
    const slot: Slot = { bytes, answer: undefined }
    this.#slots.push(slot)
    this.#bytes += bytes
    return slot
  }

  give(slot: Slot, answer: PublishStreamResponse): void {
    slot.answer = answer
    this.#send()
  }

  /** Waits until more may be read, or nothing more is to begin. */
  readonly room: Effect.Effect<void> = this.#until(
    () => this.#stopped || (this.#slots.length < this.#most.window && this.#bytes < this.#most.bytes)
  )

  /** Waits until each has its answer. */
  readonly all: Effect.Effect<void> = this.#until(() => this.#slots.length === 0)

  /** Nothing more is to begin. */
  stop(): void {
    this.#stopped = true
    this.#look()
  }

  #until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const go = () => resume(Effect.void)
      if (holds()) return go()
      this.#waits = { holds, go }
    })
  }

  #send(): void {
    while (this.#blockedAt === undefined && this.#slots[0]?.answer !== undefined) {
      const { answer, bytes } = this.#slots.shift()!
      this.#bytes -= bytes
      if (this.#way.write(answer!)) continue
      this.#blockedAt = this.#now()
      this.#way.drained(() => {
        this.#blockedAt = undefined
        this.#send()
      })
    }
    this.#look()
  }

  #look(): void {
    const waits = this.#waits
    if (waits === undefined || !waits.holds()) return
    this.#waits = undefined
    waits.go()
  }
}
