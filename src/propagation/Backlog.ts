/**
 * Keeps what waits for one fiber, in order, bounded in entries and bytes.
 *
 *   BQ1  Neither bound is passed. What does not fit is given up: the oldest, or all that waits, for which `overflow` then stands.
 */
import { Effect, Queue } from "effect"

export interface BacklogOptions<A> {
  readonly entries: number
  readonly bytes: number
  /** Bytes. */
  readonly sizeOf: (item: A) => number
  /** Takes the place of all that waits when a bound is passed. Without it the oldest are dropped. */
  readonly overflow?: A
}

export interface Backlog<A> {
  readonly offer: (item: A) => void
  /** Waits for the next item. For one fiber only. */
  readonly take: Effect.Effect<A>
}

/** Bytes of values in one backlog. */
export const BACKLOG_BYTES = 16 * 1_048_576

export const makeBacklog = Effect.fnUntraced(function* <A>({ entries, bytes, sizeOf, overflow }: BacklogOptions<A>) {
  const wake = yield* Queue.sliding<void>(1)
  const waiting = new Set<{ readonly item: A; readonly size: number }>() // in the order of insertion
  let held = 0

  const put = (item: A, size: number) => {
    waiting.add({ item, size })
    held += size
  }

  /** BQ1 */
  const bound = () => {
    if (waiting.size <= entries && held <= bytes) return
    if (overflow !== undefined) {
      waiting.clear()
      held = 0
      return put(overflow, 0)
    }
    for (const oldest of waiting) {
      waiting.delete(oldest)
      held -= oldest.size
      if (waiting.size <= entries && held <= bytes) break
    }
  }

  const offer = (item: A) => {
    put(item, sizeOf(item))
    bound()
    Queue.offerUnsafe(wake, undefined)
  }

  const take: Effect.Effect<A> = Effect.suspend(() => {
    for (const next of waiting) {
      waiting.delete(next)
      held -= next.size
      return Effect.succeed(next.item)
    }
    return Effect.andThen(Queue.take(wake), take)
  })

  return { offer, take } satisfies Backlog<A>
})
