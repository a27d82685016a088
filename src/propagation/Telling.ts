/**
 * What leaves this node after a commit, and what comes in from others: outside of the publisher's path, each way on its own.
 *
 *   L1  Nobody waits for a lane or for the shared cache: each has a fiber and a bounded queue that drops its oldest.
 *   L2  A message that was lost or dropped costs time, never a revision: the log is read at least every poll interval.
 *   L3  Of a key only the newest value waits for the shared cache, so that many changes of few keys drop nothing.
 */
import { Effect, Metric, Queue } from "effect"
import { HintLanes } from "./HintLane.ts"
import type { Revision } from "./Revision.ts"
import { type Shared, SharedCache } from "./SharedCache.ts"

/** Messages that wait for one lane. */
const WAITING = 1_024
/** Keys that wait for the shared cache. */
const KEYS = 4_096
/** Values that are on their way to the shared cache at once. */
const WRITING = 32

/** L3. Pure but for its own map. */
export const makeConflated = (limit: number) => {
  const waiting = new Map<string, Shared>()
  return {
    put: (value: Shared): void => {
      const { environment, key, revision } = value.configuration
      const id = `${environment}/${key}`
      const held = waiting.get(id)
      if (held?.epoch === value.epoch && held.configuration.revision > revision) return
      waiting.delete(id)
      waiting.set(id, value)
      if (waiting.size > limit) waiting.delete(waiting.keys().next().value!)
    },
    take: (): ReadonlyArray<Shared> => {
      const all = [...waiting.values()]
      waiting.clear()
      return all
    }
  }
}

const drain = <A>(queue: Queue.Dequeue<A>, use: (message: A) => Effect.Effect<void>) =>
  Queue.take(queue).pipe(
    Effect.flatMap(use),
    Effect.catchDefect((defect) => Effect.logError("a hint lane met a defect", defect)),
    Effect.forever,
    Effect.forkScoped
  )

export const makeTelling = Effect.fnUntraced(function* (on: {
  readonly revision: (revision: Revision, lane: string) => Effect.Effect<void>
  readonly gap: () => void
}) {
  const lanes = yield* HintLanes
  const shared = yield* SharedCache
  const incoming = yield* Queue.sliding<readonly [string, Revision]>(WAITING)
  const conflated = makeConflated(KEYS)
  const refresh = yield* Queue.sliding<void>(1)
  const outgoing: Array<Queue.Enqueue<Revision>> = []

  yield* drain(refresh, () =>
    Effect.forEach(conflated.take(), shared.setIfNewer, { concurrency: WRITING, discard: true })
  )
  yield* drain(incoming, ([lane, revision]) =>
    Effect.andThen(Metric.update(Metric.withAttributes(heard, { lane }), 1), on.revision(revision, lane))
  )

  const listen = Effect.forEach(
    lanes,
    Effect.fnUntraced(function* (lane) {
      const queue = yield* Queue.sliding<Revision>(WAITING)
      outgoing.push(queue)
      yield* drain(queue, lane.tell)
      yield* lane.listen({
        revision: (revision) => Queue.offerUnsafe(incoming, [lane.name, revision]),
        gap: on.gap
      })
    }),
    { discard: true }
  )

  /** Puts a value that was read from the database into the shared cache. */
  const share = (value: Shared): void => {
    conflated.put(value)
    Queue.offerUnsafe(refresh, undefined)
  }

  const tell = (revision: Revision): void => {
    for (const queue of outgoing) Queue.offerUnsafe(queue, revision)
    for (const configuration of revision.changes) share({ epoch: revision.epoch, configuration })
  }

  return { listen, share, tell }
})

const heard = Metric.counter("herald_hints_total", {
  incremental: true,
  description: "revisions that another node, or this one, told over a lane"
})
