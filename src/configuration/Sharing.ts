/**
 * What leaves this node for the shared cache: outside of the publisher's path.
 *
 *   SH1  Of a key only the newest value waits for the shared cache, so that many changes of few keys drop nothing.
 *   SH2  Nobody waits for the shared cache: what waits for it is bounded in keys and bytes, and the oldest goes first.
 */
import { Effect, Queue } from "effect"
import { BACKLOG_BYTES } from "../propagation/Backlog.ts"
import { isNewer } from "../propagation/Position.ts"
import { configurationBytes } from "./ConfigurationKind.ts"
import { positionOf, type Shared, SharedCache } from "./SharedCache.ts"

/** Keys that wait for the shared cache. */
const KEYS = 4_096
/** Values that are on their way to the shared cache at once. */
const WRITING = 32

/** SH1, SH2. Pure but for its own map. */
export const makeConflated = (entries: number, bytes: number) => {
  const waiting = new Map<string, { readonly value: Shared; readonly size: number }>()
  let held = 0
  const remove = (id: string) => {
    held -= waiting.get(id)?.size ?? 0
    waiting.delete(id)
  }
  return {
    put: (value: Shared): void => {
      const { environment, key } = value.configuration
      const id = `${environment}/${key}`
      const before = waiting.get(id)?.value
      if (before !== undefined && isNewer(positionOf(before), positionOf(value))) return
      remove(id)
      const size = configurationBytes(value.configuration)
      waiting.set(id, { value, size })
      held += size
      for (const oldest of waiting.keys()) {
        if (waiting.size <= entries && held <= bytes) break
        remove(oldest)
      }
    },
    take: (): ReadonlyArray<Shared> => {
      const all = [...waiting.values()].map(({ value }) => value)
      waiting.clear()
      held = 0
      return all
    }
  }
}

/** `share` puts a value into the shared cache, soon. */
export const makeSharing = Effect.gen(function* () {
  const shared = yield* SharedCache
  const conflated = makeConflated(KEYS, BACKLOG_BYTES)
  const refresh = yield* Queue.sliding<void>(1)
  yield* Queue.take(refresh).pipe(
    Effect.andThen(
      Effect.suspend(() => Effect.forEach(conflated.take(), shared.setIfNewer, { concurrency: WRITING, discard: true }))
    ),
    Effect.catchDefect((defect) => Effect.logError("the shared cache met a defect", defect)),
    Effect.forever,
    Effect.forkScoped
  )
  return (value: Shared): void => {
    conflated.put(value)
    Queue.offerUnsafe(refresh, undefined)
  }
})
