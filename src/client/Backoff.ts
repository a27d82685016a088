/**
 * Exponential backoff with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 *   BO1  Every delay is below the cap; a fleet that lost its server at one moment comes back spread out.
 *   BO2  It starts over only after a connection that lasted, so a server that ends streams at once is not hammered.
 */
import { backoff } from "../net/Backoff.ts"
import type { Clock } from "./Clock.ts"

export interface BackoffOptions {
  readonly baseMillis: number
  readonly capMillis: number
}

export class Backoff {
  readonly #clock: Clock
  readonly #options: BackoffOptions
  #attempt = 0

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** Milliseconds. */
  next(): number {
    const { baseMillis: first, capMillis: longest } = this.#options
    return backoff({ first, longest, spread: 1 }, this.#attempt++, this.#clock.random())
  }

  /** Milliseconds after a refusal that only an operator can end: between half the cap and the cap. */
  slow(): number {
    const { capMillis: longest } = this.#options
    return backoff({ first: longest, longest, spread: 0.5 }, 0, this.#clock.random())
  }

  reset(): void {
    this.#attempt = 0
  }
}
