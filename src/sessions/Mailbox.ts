/** Where the actor of a session waits for news: one place, as what is new stands elsewhere. */
import { Effect } from "effect"

export class Mailbox {
  #news: Effect.Effect<void> | undefined
  #resume: ((news: Effect.Effect<void>) => void) | undefined

  readonly news = Effect.callback<void>((resume) => {
    const news = this.#news
    this.#news = undefined
    if (news === undefined) this.#resume = resume
    else resume(news)
  })

  /** The actor waits. */
  get waits(): boolean {
    return this.#resume !== undefined
  }

  /** The actor runs on at once, within this call and up to its next wait; `first` comes before all else. */
  wake(first: Effect.Effect<void> = Effect.void): void {
    const resume = this.#resume
    this.#resume = undefined
    if (resume === undefined) this.#news ??= first
    else resume(first)
  }
}
