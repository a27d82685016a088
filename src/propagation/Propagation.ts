/**
 * Tails the revision log, and keeps this node's views of what is current.
 *
 *   P1  Revisions are applied to the views, and told, in order and without a gap; a lost history is told as `Reset`. While views are read
 *       again, those of before are served.
 *   P2  A hint may be lost: head and log are compared with the views at least every `pollInterval`. A hint of the database costs one
 *       question when the log goes on from the views.
 *   P3, P7 in Freshness.ts; who was told that the views are stale is told when they are confirmed.
 *   P4, P5 in configuration/Values.ts
 *   P6 in Loading.ts
 *   P8  What was deleted behind the retention's horizon is forgotten: a client that holds it is told that it is gone, as of anything that
 *       the views do not know.
 */
import { Clock, Context, Duration, Effect, Layer, Metric, Queue, type Scope } from "effect"
import { catalogue } from "../errors/Catalogue.ts"
import { afterEvery, every } from "../telemetry/Every.ts"
import { Loop } from "../telemetry/Loop.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { makeMark } from "../telemetry/Traces.ts"
import { waitFor } from "../telemetry/WaitFor.ts"
import { BACKLOG_BYTES } from "./Backlog.ts"
import { Early } from "./Early.ts"
import { makeEvents, type PropagationEvent } from "./Events.ts"
import { Freshness } from "./Freshness.ts"
import { Kinds } from "./Kinds.ts"
import { makeLoading, PAGE } from "./Loading.ts"
import { covers, isNewer, isNext, type Position, sameEpoch, samePosition } from "./Position.ts"
import type { Revision } from "./Revision.ts"
import { RevisionLog } from "./RevisionLog.ts"
import { makeTelling } from "./Telling.ts"
import { measured, Views } from "./Views.ts"

export type { PropagationEvent } from "./Events.ts"

export interface PropagationOptions {
  readonly pollInterval: Duration.Input
  readonly staleAfter: Duration.Input
}

export class Propagation extends Context.Service<
  Propagation,
  {
    /** The position that this node has applied. */
    readonly position: () => Position
    /** Whether the database no longer confirms the views. Who hears `true` and listens gets an event when it is over. P3 */
    readonly stale: () => boolean
    /** Another node told of a revision: applies it if it is the next, otherwise reads the log. */
    readonly hint: (revision: Revision) => Effect.Effect<void>
    /** This node committed a revision: as `hint`, and tells the other nodes without waiting for that. */
    readonly committed: (revision: Revision) => Effect.Effect<void>
    /** Listens from now on; each run of the inner effect gives the next event. PE1 */
    readonly events: Effect.Effect<Effect.Effect<PropagationEvent>, never, Scope.Scope>
  }
>()("herald/propagation/Propagation") {
  static readonly layer = (options: PropagationOptions) => Layer.effect(Propagation, make(options))
}

/** Time between two looks at the horizon. */
const FORGET = "1 minute"
const make = Effect.fnUntraced(function* (options: PropagationOptions) {
  const log = yield* RevisionLog
  const { bytesOf } = yield* Kinds
  const all = yield* Views
  const views = new Map(all.map((view) => [view.kind, view]))
  const clock = yield* Clock.Clock
  const load = yield* makeLoading
  const mark = yield* makeMark
  const events = makeEvents(bytesOf)
  const wake = yield* Queue.sliding<void>(1)
  const early = new Early(bytesOf, BACKLOG_BYTES)
  const now = () => clock.monotonicTimeNanosUnsafe()
  const pollInterval = Duration.toNanosUnsafe(options.pollInterval)
  const freshness = new Freshness(now, yield* Loop, Duration.toNanosUnsafe(options.staleAfter))
  let position: Position = { epoch: "", revision: 0n }
  let polledAt = now() - pollInterval
  /** The view may lack something, so the next look is a poll. */
  let gap = false
  /** What listeners were last told: that the views are stale. */
  let told = false

  const stale = () => {
    const is = freshness.stale()
    if (is && !told) {
      told = true
      events.publish({ _tag: "Freshness", stale: true })
    }
    return is
  }

  const onGap = () => {
    gap = true
    Queue.offerUnsafe(wake, undefined)
  }

  const begin = Effect.gen(function* () {
    const loaded = yield* load
    loaded.begin()
    position = loaded.position // VW1
    early.prune(position)
    onGap() // reads what was committed meanwhile, and so confirms the views
  })

  /** P1: the only place where the views move forward. Synchronous. */
  const apply = (revision: Revision, heardBy: string): void => {
    if (!isNext(revision, position)) return
    for (const change of revision.changes) views.get(change.kind)?.apply(change, revision)
    position = { epoch: revision.epoch, revision: revision.revision }
    events.publish({ _tag: "Committed", revision }) // VW1
    mark({
      name: "Propagation.applied",
      kind: "internal",
      traceparents: [revision.traceparent],
      from: revision.committedAt,
      to: clock.currentTimeMillisUnsafe(),
      attributes: { "herald.revision": String(revision.revision), "herald.heard_by": heardBy }
    })
  }

  /** VW3 */
  const notApplied = (defect: unknown) => {
    onGap()
    return Effect.logError("a revision could not be applied", defect)
  }

  const advance = (heardBy: string): void => {
    for (let next = early.next(position); next !== undefined; next = early.next(position)) apply(next, heardBy)
  }

  const hint = (revision: Revision, heardBy = "commit") =>
    Effect.sync(() => {
      if (covers(position, revision)) return
      if (isNext(revision, position)) {
        apply(revision, heardBy)
        return advance(heardBy)
      }
      early.hold(revision, position)
      onGap()
    }).pipe(Effect.catchDefect(notApplied))

  const reset = Effect.gen(function* () {
    yield* Effect.logWarning("history was lost or is behind the horizon: reading what is current again", {
      epoch: position.epoch,
      revision: String(position.revision)
    })
    yield* begin
    events.publish({ _tag: "Reset" })
  })

  /** The next page of the log after the views; undefined when part of it is gone. */
  const after = Effect.suspend(() => log.after(position.revision, PAGE))

  const applyAll = (page: ReadonlyArray<Revision>): void => {
    for (const revision of page) apply(revision, "log")
    advance("log")
  }

  const poll = Effect.gen(function* () {
    const asked = freshness.asking()
    polledAt = asked.at
    gap = false
    const known = position // hints may move it on while the database answers
    const head = yield* log.head
    if (!covers(head, known)) return yield* reset
    while (isNewer(head, position)) {
      const before = position
      const page = yield* after
      if (page === undefined) return yield* reset
      applyAll(page)
      if (samePosition(position, before)) return
    }
    if (sameEpoch(head, position)) freshness.confirm(asked)
    early.prune(position)
    yield* Metric.update(revisionGauge, Number(position.revision))
  })

  /** P2: reads on in the log. True when it goes on from where the views are; anything else is left to the poll. */
  const follow = Effect.gen(function* () {
    const asked = freshness.asking()
    if (gap || asked.at - polledAt >= pollInterval) return false
    const known = position
    const page = (yield* after) ?? []
    applyAll(page)
    const followed = page.length > 0 && page.length < PAGE && page.every((revision) => sameEpoch(revision, known))
    if (followed) freshness.confirm(asked)
    return followed
  })

  const telling = yield* makeTelling({ revision: hint, gap: onGap, bytesOf })

  let logged = false
  const tellFreshness = Effect.suspend(() => {
    const is = stale()
    if (!is && told) {
      told = false
      events.publish({ _tag: "Freshness", stale: false })
    }
    if (is === logged) return Effect.void
    logged = is
    return is
      ? Effect.logWarning("the database does not confirm: values are served as stale", {
          code: catalogue.DatabaseUnavailable.code
        })
      : Effect.logInfo("the database confirms again")
  })

  yield* waitFor("waiting for the database", begin, { pause: options.pollInterval })
  yield* Effect.ignore(poll)
  yield* log.hints(() => Queue.offerUnsafe(wake, undefined))
  yield* telling.listen
  const news = Effect.flatMap(follow, (followed) => (followed ? Effect.void : poll))
  const pause = Queue.take(wake).pipe(Effect.timeoutOption(options.pollInterval)) // P2
  yield* Effect.forkScoped(every("the log was not read", pause, Effect.ensuring(news, tellFreshness)))
  // A hung database must not keep the view from being called stale.
  yield* Effect.forkScoped(afterEvery("it was not told how fresh the view is", options.pollInterval, tellFreshness))

  /** P8: of the view's own history. */
  const forget = Effect.gen(function* () {
    const asked = position
    const horizon = yield* log.horizon
    if (sameEpoch(asked, position)) for (const view of views.values()) view.forget(horizon)
  })
  yield* Effect.forkScoped(afterEvery("nothing was forgotten", FORGET, forget))
  yield* measured(all)

  const committed = Effect.fnUntraced(function* (revision: Revision) {
    yield* hint(revision)
    telling.tell(revision)
    for (const change of revision.changes) {
      try {
        views.get(change.kind)?.committed(change, revision)
      } catch (defect) {
        yield* Effect.logError("a change could not be told", defect) // VW3
      }
    }
  })

  return Propagation.of({
    position: () => position,
    stale,
    hint,
    committed,
    events: events.listen
  })
})

const revisionGauge = gauge("herald_revision", "newest revision applied to this node's view")
