/**
 * Writes new values to the shared cache, while no publisher waits for it.
 *
 *   SH1  Of a key only the newest value waits for the shared cache, so that many changes of few keys drop nothing.
 *   SH2  Nobody waits for the shared cache: what waits for it is bounded in keys and bytes, and the oldest goes first.
 */
import { Effect, Queue } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { BACKLOG_BYTES } from "../propagation/Backlog.ts"
import { isNewer } from "../propagation/Position.ts"
import { always } from "../telemetry/Every.ts"
import { configurationBytes } from "./ConfigurationKind.ts"
import { positionOf, type Shared, SharedCache } from "./SharedCache.ts"

/** Keys whose values may wait. */
const KEYS = 4_096
/** Values that are written at the same time. */
const WRITING = 32

/** A queue with one place a key, bounded in entries and bytes. Pure state. SH1, SH2 */
export const makeConflated = (entries: number, bytes: number) => {
  const waiting = new Weighed<Shared>(({ configuration }) => configurationBytes(configuration))
  return {
    put: (value: Shared): void => {
      const { environment, key } = value.configuration
      const id = `${environment}/${key}`
      const before = waiting.get(id)
      if (before !== undefined && isNewer(positionOf(before), positionOf(value))) return
      waiting.set(id, value)
      waiting.trim(bytes, entries)
    },
    take: (): ReadonlyArray<Shared> => {
      const all = [...waiting.values()]
      waiting.clear()
      return all
    }
  }
}

/** `share` has a value written to the shared cache soon, and does not wait for it. */
export const makeSharing = Effect.gen(function* () {
  const shared = yield* SharedCache
  const conflated = makeConflated(KEYS, BACKLOG_BYTES)
  const refresh = yield* Queue.sliding<void>(1)
  const write = Effect.suspend(() =>
    Effect.forEach(conflated.take(), shared.setIfNewer, { concurrency: WRITING, discard: true })
  )
  yield* Effect.forkScoped(always("the shared cache met a defect", Effect.andThen(Queue.take(refresh), write)))
  return (value: Shared): void => {
    conflated.put(value)
    Queue.offerUnsafe(refresh, undefined)
  }
})
