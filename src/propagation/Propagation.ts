/**
 * Tails the revision log and keeps this node's view of what is current.
 *
 *   P1  Revisions are applied to the view, and told, in order and without a gap; a lost history is told as `Reset`. While heads are read
 *       again, the view of before is served.
 *   P2  A hint may be lost: head and log are compared with the view at least every `pollInterval`. A hint of the database costs one
 *       question when the log goes on from the view.
 *   P3, P7 in Freshness.ts; who was told that the view is stale is told when it is confirmed.
 *   P4, P5 in Values.ts
 *   P6 in Loading.ts
 *   P8  Tombstones behind the retention's horizon are forgotten: a client that holds such a key is told that it is gone, as of any key
 *       that the view does not know.
 */
import { Clock, Context, Duration, Effect, Layer, Metric, Queue, Schedule, type Scope } from "effect"
import type { Configuration, Head } from "../configuration/Configuration.ts"
import { catalogue } from "../errors/Catalogue.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Loop } from "../telemetry/Loop.ts"
import { makeMark } from "../telemetry/Traces.ts"
import { Cache } from "./Cache.ts"
import { Early } from "./Early.ts"
import { makeEvents, type PropagationEvent } from "./Events.ts"
import { Freshness } from "./Freshness.ts"
import { Heads, type Kind, type PageOptions, slices } from "./Heads.ts"
import { makeLoading, PAGE } from "./Loading.ts"
import { covers, isNewer, isNext, type Position, sameEpoch, samePosition } from "./Position.ts"
import type { Revision } from "./Revision.ts"
import { RevisionLog } from "./RevisionLog.ts"
import { SharedCache } from "./SharedCache.ts"
import { makeTelling } from "./Telling.ts"
import { makeValues } from "./Values.ts"
import { walk } from "./Walk.ts"

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
    /** P3. Whoever hears `true` is in time for the event that says when it is over. */
    readonly stale: () => boolean
    /** This node heard of a revision: apply it now if it is the next, otherwise read the log. */
    readonly hint: (revision: Revision) => Effect.Effect<void>
    /** This node committed a revision: as `hint`, and the other nodes are told. */
    readonly committed: (revision: Revision) => Effect.Effect<void>
    /** Undefined when the key never existed; tombstones are returned. */
    readonly head: (environment: string, key: string) => Head | undefined
    /** Heads that a pattern covers (`*` covers all), tombstones included, in the order of their keys. Costs what it returns. */
    readonly matching: (environment: string, pattern: string, only?: Kind) => ReadonlyArray<Head>
    /** Heads in the order of their keys, tombstones included. Costs what it returns. */
    readonly page: (environment: string, options: PageOptions) => ReadonlyArray<Head>
    /**
     * As `matching`, a slice at a time, for work that yields in between. Each slice is of the moment that it is taken: keys that stay are
     * in exactly one, keys that come or change meanwhile are told as events.
     */
    readonly slices: (environment: string, pattern: string, only?: Kind) => Generator<ReadonlyArray<Head>, void>
    /** The current configuration of a head, from this node's cache, the shared one, or else the database. P4 */
    readonly value: (environment: string, key: string) => Effect.Effect<Configuration | undefined, HeraldError>
    /** The environment's template variables; empty when none are defined. */
    readonly variables: (environment: string) => Effect.Effect<Readonly<Record<string, string>>, HeraldError>
    /** Events from now on, in order: run the inner effect for each. PE1 */
    readonly events: Effect.Effect<Effect.Effect<PropagationEvent>, never, Scope.Scope>
  }
>()("herald/propagation/Propagation") {
  static readonly layer = (options: PropagationOptions) => Layer.effect(Propagation, make(options))
}

/** Between two looks at what is behind the horizon. */
const FORGET = "1 minute"
/** Changes before the head that are told to the shared cache at the start, should the node that made them have died. */
const RECENT = 10_000n

const make = Effect.fnUntraced(function* (options: PropagationOptions) {
  const log = yield* RevisionLog
  const cache = yield* Cache
  const shared = yield* SharedCache
  const clock = yield* Clock.Clock
  const load = yield* makeLoading
  const mark = yield* makeMark
  const events = makeEvents()
  const wake = yield* Queue.sliding<void>(1)
  const early = new Early()
  const now = () => clock.monotonicTimeNanosUnsafe()
  const pollInterval = Duration.toNanosUnsafe(options.pollInterval)
  const freshness = new Freshness(now, yield* Loop, Duration.toNanosUnsafe(options.staleAfter))
  let heads = new Heads()
  let position: Position = { epoch: "", revision: 0n }
  let polledAt = now() - pollInterval
  /** Something may be wrong with the view: the next look is a poll. */
  let gap = false
  /** What was told of freshness. */
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
    yield* cache.clear
    heads = loaded.heads
    position = loaded.position
    early.prune(position)
    onGap() // what was committed meanwhile; and that confirms the view
    const from = position.revision - RECENT
    for (const environment of loaded.heads.environments())
      for (const slice of slices(() => loaded.heads, environment, "*")) {
        const recent = slice.filter(({ revision }) => revision > from)
        if (recent.length > 0) shared.outdate(loaded.position.epoch, recent)
        yield* Effect.yieldNow
      }
  })

  /** P1: the only place where the view moves forward; synchronous up to the event. */
  const apply = Effect.fnUntraced(function* (revision: Revision, heardBy: string) {
    if (!isNext(revision, position)) return
    const { epoch, changes } = revision
    for (const change of changes) heads.set(change)
    position = { epoch, revision: revision.revision }
    shared.outdate(epoch, changes)
    events.publish({ _tag: "Committed", revision })
    for (const configuration of changes) yield* cache.setIfNewer({ epoch, configuration })
    mark({
      name: "Propagation.applied",
      kind: "internal",
      traceparents: [revision.traceparent],
      from: revision.committedAt,
      to: clock.currentTimeMillisUnsafe(),
      attributes: { "herald.revision": String(revision.revision), "herald.heard_by": heardBy }
    })
  })

  const advance = Effect.fnUntraced(function* (heardBy: string) {
    for (let next = early.next(position); next !== undefined; next = early.next(position)) yield* apply(next, heardBy)
  })

  const hint = Effect.fnUntraced(function* (revision: Revision, heardBy = "commit") {
    if (covers(position, revision)) return
    if (isNext(revision, position)) {
      yield* apply(revision, heardBy)
      return yield* advance(heardBy)
    }
    early.hold(revision, position)
    onGap()
  }, Effect.uninterruptible)

  const reset = Effect.gen(function* () {
    yield* Effect.logWarning("history was lost or is behind the horizon: reading every head again", {
      epoch: position.epoch,
      revision: String(position.revision)
    })
    yield* begin
    events.publish({ _tag: "Reset" })
  })

  /** What the log has after the view; undefined when part of it is gone. */
  const after = Effect.suspend(() => log.after(position.revision, PAGE))

  const applyAll = Effect.fnUntraced(function* (page: ReadonlyArray<Revision>) {
    for (const revision of page) yield* apply(revision, "log")
    yield* advance("log")
  })

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
      yield* applyAll(page)
      if (samePosition(position, before)) return
    }
    if (sameEpoch(head, position)) freshness.confirm(asked)
    early.prune(position)
    yield* Metric.update(revisionGauge, Number(position.revision))
  })

  /** P2: true when what the log has after the view went on from it. Anything else is for the poll. */
  const follow = Effect.gen(function* () {
    const asked = freshness.asking()
    if (gap || asked.at - polledAt >= pollInterval) return false
    const known = position
    const page = (yield* after) ?? []
    yield* applyAll(page)
    const followed = page.length > 0 && page.length < PAGE && page.every((revision) => sameEpoch(revision, known))
    if (followed) freshness.confirm(asked)
    return followed
  })

  const telling = yield* makeTelling({ revision: hint, gap: onGap })

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

  yield* begin.pipe(
    Effect.tapError((error) =>
      Effect.logWarning("waiting for the database", { code: error.code, message: error.message })
    ),
    Effect.retry(Schedule.spaced(options.pollInterval)),
    Effect.orDie
  )
  yield* Effect.ignore(poll)
  yield* log.hints(() => Queue.offerUnsafe(wake, undefined))
  yield* telling.listen
  yield* follow.pipe(
    Effect.flatMap((followed) => (followed ? Effect.void : poll)),
    Effect.catch((error) => Effect.logDebug("poll failed", { code: error.code, message: error.message })),
    Effect.catchDefect((defect) => Effect.logError("poll defect", defect)),
    Effect.andThen(tellFreshness),
    Effect.andThen(Queue.take(wake).pipe(Effect.timeoutOption(options.pollInterval))), // P2
    Effect.forever,
    Effect.forkScoped
  )
  // A hung database must not keep the view from being called stale.
  yield* Effect.sleep(options.pollInterval).pipe(Effect.andThen(tellFreshness), Effect.forever, Effect.forkScoped)

  /** P8: of the view's own history. */
  const forget = Effect.gen(function* () {
    const asked = position
    const horizon = yield* log.horizon
    if (sameEpoch(asked, position)) heads.forget(horizon)
  })
  yield* Effect.sleep(FORGET).pipe(
    Effect.andThen(forget),
    Effect.catch((error) => Effect.logDebug("nothing was forgotten", { code: error.code, message: error.message })),
    Effect.catchDefect((defect) => Effect.logError("nothing was forgotten", defect)),
    Effect.forever,
    Effect.forkScoped
  )

  const head = (environment: string, key: string) => heads.get(environment, key)
  const { value, variables, putBack } = yield* makeValues({ position: () => position, head, share: telling.share })
  yield* walk({ heads: () => heads, position: () => position, putBack })

  const committed = Effect.fnUntraced(function* (revision: Revision) {
    yield* hint(revision)
    telling.tell(revision)
  })

  return Propagation.of({
    position: () => position,
    stale,
    hint,
    committed,
    head,
    matching: (...asked) => heads.matching(...asked),
    page: (...asked) => heads.page(...asked),
    slices: (...asked) => slices(() => heads, ...asked),
    value,
    variables,
    events: events.listen
  })
})

const revisionGauge = Metric.gauge("herald_revision", { description: "newest revision applied to this node's view" })
