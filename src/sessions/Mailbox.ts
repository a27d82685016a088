/** Wakes the actor of a session. Holds a single signal, no messages: what there is to do stands in Session.ts. */
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

  /** The actor is waiting. */
  get waits(): boolean {
    return this.#resume !== undefined
  }

  /** Resumes the actor within this call, up to its next wait; it runs `first` before anything else. */
  wake(first: Effect.Effect<void> = Effect.void): void {
    const resume = this.#resume
    this.#resume = undefined
    if (resume === undefined) this.#news ??= first
    else resume(first)
  }
}
