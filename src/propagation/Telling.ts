/**
 * Tells other nodes of commits, and hears of theirs: no publisher waits for it, and no lane for another.
 *
 *   L1  Nobody waits for a lane: each has a fiber and a backlog, bounded in entries and bytes, that drops its oldest.
 *   L2  A message that was lost or dropped costs time, never a revision: the log is read at least every poll interval.
 *   L4  Hints that carry nothing cost one question each `GAPS`, however many come; the first of them is followed at once.
 */
import { Effect, Metric, Queue } from "effect"
import { always } from "../telemetry/Every.ts"
import { counter } from "../telemetry/Metrics.ts"
import { BACKLOG_BYTES, type Backlog, makeBacklog } from "./Backlog.ts"
import { HintLanes } from "./HintLanes.ts"
import type { Revision } from "./Revision.ts"

/** Messages that may wait for one lane. */
const WAITING = 1_024
/** Time between two questions to the log that lanes gave rise to, as anybody may say "gap" there. */
const GAPS = "50 millis"

const drain = <A>(take: Effect.Effect<A>, use: (message: A) => Effect.Effect<void>) =>
  Effect.forkScoped(always("a hint lane met a defect", Effect.flatMap(take, use)))

export const makeTelling = Effect.fnUntraced(function* (on: {
  readonly revision: (revision: Revision, lane: string) => Effect.Effect<void>
  readonly gap: () => void
  readonly bytesOf: (revision: Revision) => number
}) {
  const lanes = yield* HintLanes
  const incoming = yield* makeBacklog<readonly [lane: string, revision: Revision]>({
    entries: WAITING,
    bytes: BACKLOG_BYTES,
    sizeOf: ([, revision]) => on.bytesOf(revision)
  })
  const gaps = yield* Queue.sliding<void>(1)
  const outgoing: Array<Backlog<Revision>> = []

  yield* drain(incoming.take, ([lane, revision]) =>
    Effect.andThen(Metric.update(Metric.withAttributes(heard, { lane }), 1), on.revision(revision, lane))
  )

  yield* drain(Queue.take(gaps), () => Effect.andThen(Effect.sync(on.gap), Effect.sleep(GAPS))) // L4

  const listen = Effect.forEach(
    lanes,
    Effect.fnUntraced(function* (lane) {
      const backlog = yield* makeBacklog<Revision>({ entries: WAITING, bytes: BACKLOG_BYTES, sizeOf: on.bytesOf })
      outgoing.push(backlog)
      yield* Metric.update(Metric.withAttributes(heard, { lane: lane.name }), 0) // MT1
      yield* drain(backlog.take, lane.tell)
      yield* lane.listen({
        revision: (revision) => incoming.offer([lane.name, revision]),
        gap: () => Queue.offerUnsafe(gaps, undefined)
      })
    }),
    { discard: true }
  )

  const tell = (revision: Revision): void => {
    for (const backlog of outgoing) backlog.offer(revision)
  }

  return { listen, tell }
})

const heard = counter("herald_hints_total", "revisions that another node, or this one, told over a lane", [])
