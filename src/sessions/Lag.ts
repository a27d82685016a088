/**
 * Finds the clients that are behind; looked at once a second.
 *
 *   LG1  A client lags when for 5 s there was always something left for it to apply: waiting for it, sent and not answered, or rejected.
 *        One that was up to date at any moment in between does not lag, however often it gets news.
 */
import type { Session } from "./Session.ts"

/** Nanoseconds: how long a change may take across a single fault. */
const LAGGING = 5_000_000_000n

interface Looked extends Pick<Session, "answers" | "behind" | "caughtUp"> {
  readonly pending: { readonly size: number }
}

export class Lag {
  /** Since when a client is behind, and how often it had caught up by then. */
  readonly #since = new WeakMap<Looked, { readonly at: bigint; readonly caughtUp: number }>()

  /** How many lag. Clients that never answer are left out: nothing is known of them. `now`: monotonic nanoseconds. */
  count(sessions: Iterable<Looked>, now: bigint): number {
    let lagging = 0
    for (const session of sessions) {
      const { pending, answers, behind, caughtUp } = session
      if (!answers || (behind === 0 && pending.size === 0)) {
        this.#since.delete(session)
        continue
      }
      const before = this.#since.get(session)
      if (before === undefined || before.caughtUp !== caughtUp) this.#since.set(session, { at: now, caughtUp })
      else if (now - before.at >= LAGGING) lagging++
    }
    return lagging
  }
}
