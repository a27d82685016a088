/**
 * What leaves this node after a commit, and what comes in from others: outside of the publisher's path, each way on its own.
 *
 *   L1  Nobody waits for a lane or for the shared cache: each has a fiber and a backlog, bounded in entries and bytes, that drops its oldest.
 *   L2  A message that was lost or dropped costs time, never a revision: the log is read at least every poll interval.
 *   L4  Hints that carry nothing cost one question each `GAPS`, however many come; the first of them is followed at once.
 *   L3  Of a key only the newest value waits for the shared cache, so that many changes of few keys drop nothing.
 */
import { Effect, Metric, Queue } from "effect"
import { BACKLOG_BYTES, type Backlog, makeBacklog } from "./Backlog.ts"
import { HintLanes } from "./HintLane.ts"
import { isNewer } from "./Position.ts"
import type { Revision } from "./Revision.ts"
import { positionOf, type Shared, SharedCache } from "./SharedCache.ts"
import { configurationBytes, revisionBytes } from "./Size.ts"

/** Messages that wait for one lane. */
const WAITING = 1_024
/** Keys that wait for the shared cache. */
const KEYS = 4_096
/** Anybody may be able to say "gap" on a lane: the log is asked no more often than this for that. */
const GAPS = "50 millis"
/** Values that are on their way to the shared cache at once. */
const WRITING = 32

/** L3. Pure but for its own map. */
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

const drain = <A>(take: Effect.Effect<A>, use: (message: A) => Effect.Effect<void>) =>
  take.pipe(
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
  const incoming = yield* makeBacklog<readonly [lane: string, revision: Revision]>({
    entries: WAITING,
    bytes: BACKLOG_BYTES,
    sizeOf: ([, revision]) => revisionBytes(revision)
  })
  const conflated = makeConflated(KEYS, BACKLOG_BYTES)
  const refresh = yield* Queue.sliding<void>(1)
  const gaps = yield* Queue.sliding<void>(1)
  const outgoing: Array<Backlog<Revision>> = []

  yield* drain(Queue.take(refresh), () =>
    Effect.forEach(conflated.take(), shared.setIfNewer, { concurrency: WRITING, discard: true })
  )
  yield* drain(incoming.take, ([lane, revision]) =>
    Effect.andThen(Metric.update(Metric.withAttributes(heard, { lane }), 1), on.revision(revision, lane))
  )

  yield* drain(Queue.take(gaps), () => Effect.andThen(Effect.sync(on.gap), Effect.sleep(GAPS))) // L4

  const listen = Effect.forEach(
    lanes,
    Effect.fnUntraced(function* (lane) {
      const backlog = yield* makeBacklog<Revision>({ entries: WAITING, bytes: BACKLOG_BYTES, sizeOf: revisionBytes })
      outgoing.push(backlog)
      yield* drain(backlog.take, lane.tell)
      yield* lane.listen({
        revision: (revision) => incoming.offer([lane.name, revision]),
        gap: () => Queue.offerUnsafe(gaps, undefined)
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
    for (const backlog of outgoing) backlog.offer(revision)
    for (const configuration of revision.changes) share({ epoch: revision.epoch, configuration })
  }

  return { listen, share, tell }
})

const heard = Metric.counter("herald_hints_total", {
  incremental: true,
  description: "revisions that another node, or this one, told over a lane"
})
