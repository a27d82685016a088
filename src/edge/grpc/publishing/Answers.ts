/** Gives the results of a stream's items back in the order of the items: PM1, PM3 of PublishMany.ts. */
import { Effect } from "effect"
import type { PublishResult } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"

/** Items that are not answered yet, and UTF-8 bytes of them, as good as. PM3 */
export const WINDOW = 256
export const BYTES = 4_194_304

/** The place of one item among the answers. */
export interface Slot {
  readonly bytes: number
  result: PublishResult | undefined
}

export interface Way {
  /** Sends these; false when it will have no more of them until it is drained. */
  readonly write: (results: Array<PublishResult>) => boolean
  readonly drained: (then: () => void) => void
}

export class Answers {
  readonly #way: Way
  readonly #now: () => number
  #slots: Array<Slot> = []
  #bytes = 0
  #blockedAt: number | undefined
  #soon = false
  #stopped = false
  #waits: { readonly holds: () => boolean; readonly go: () => void } | undefined

  /** `now`: milliseconds. */
  constructor(way: Way, now: () => number) {
    this.#way = way
    this.#now = now
  }

  /** Milliseconds for which the client has taken none of what waits for it; 0 while nothing does. PM8 */
  get stuckFor(): number {
    return this.#blockedAt === undefined ? 0 : this.#now() - this.#blockedAt
  }

  /** A place for the next item. */
  take(bytes: number): Slot {
    const slot: Slot = { bytes, result: undefined }
    this.#slots.push(slot)
    this.#bytes += bytes
    return slot
  }

  /** Whatever is done by the end of this turn of the event loop goes in one message. */
  give(slot: Slot, result: PublishResult): void {
    slot.result = result
    if (this.#soon || this.#slots[0] !== slot) return
    this.#soon = true
    setImmediate(() => {
      this.#soon = false
      this.#send()
    })
  }

  /** Waits until a further item may begin, or none may any more. PM3 */
  readonly room: Effect.Effect<void> = this.#until(
    () => this.#stopped || (this.#slots.length < WINDOW && this.#bytes < BYTES)
  )

  /** Waits until each item is answered. */
  readonly all: Effect.Effect<void> = this.#until(() => this.#slots.length === 0)

  /** No further item begins. */
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
    if (this.#blockedAt !== undefined) return
    const done = this.#slots.findIndex(({ result }) => result === undefined)
    const sent = this.#slots.splice(0, done === -1 ? this.#slots.length : done)
    if (sent.length === 0) return
    for (const { bytes } of sent) this.#bytes -= bytes
    if (!this.#way.write(sent.map(({ result }) => result!))) {
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
