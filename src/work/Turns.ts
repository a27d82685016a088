/**
 * Lets a bounded number of things be done at once, and owners take turns.
 *
 *   UX1  At most `atOnce` are under way, and of one owner `ofOwner`; whose turn it is hangs on who waits, not on how much of each. A place is given back
 *        however it ends, and what is interrupted while it waits takes none.
 */
import { Effect } from "effect"
import { FairQueue } from "./FairQueue.ts"

const ANY = Number.POSITIVE_INFINITY

export interface Turns {
  /** What waits is to be bounded by whoever asks. UX1 */
  readonly of: (owner: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** What waits. */
  readonly size: () => number
}

export const makeTurns = (atOnce: number, ofOwner: number): Turns => {
  const all = { jobs: ANY, bytes: ANY, allJobs: ANY, allBytes: ANY }
  const queue = new FairQueue<() => void>({ atOnce: ofOwner, ...all })
  let free = atOnce
  const next = (): void => {
    while (free > 0) {
      const taken = queue.take()
      if (taken === undefined) return
      free--
      taken.item()
    }
  }
  const give = (owner: string): void => {
    free++
    queue.done(owner)
    next()
  }
  const turn = (owner: string) =>
    Effect.callback<void>((resume) => {
      let isGiven = false
      const given = () => {
        isGiven = true
        resume(Effect.void)
      }
      queue.offer(owner, 0, given)
      next()
      return Effect.sync(() => {
        if (isGiven) give(owner)
        else queue.remove(owner, given)
      })
    })
  return {
    of: (owner) => (effect) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.andThen(
          restore(turn(owner)),
          Effect.ensuring(
            restore(effect),
            Effect.sync(() => give(owner))
          )
        )
      ),
    size: () => queue.size
  }
}
