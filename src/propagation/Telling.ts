/**
 * What leaves this node after a commit, and what comes in from others: outside of the publisher's path, each way on its own.
 *
 *   L1  Nobody waits for a lane or for the shared cache: each has a fiber and a bounded queue that drops its oldest.
 *   L2  A message that was lost or dropped costs time, never a revision: the log is read at least every poll interval.
 */
import { Effect, Metric, Queue } from "effect"
import { HintLanes } from "./HintLane.ts"
import type { Revision } from "./Revision.ts"
import { type Shared, SharedCache } from "./SharedCache.ts"

/** Messages that wait for one lane. */
const WAITING = 1_024

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
  const refresh = yield* Queue.sliding<Shared>(WAITING)
  const outgoing: Array<Queue.Enqueue<Revision>> = []

  yield* drain(refresh, shared.setIfNewer)
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
  const share = (value: Shared): void => void Queue.offerUnsafe(refresh, value)

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
