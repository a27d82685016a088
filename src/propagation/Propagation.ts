/**
 * Tails the revision log and keeps this node's view of what is current.
 *
 *   P1  Revisions are applied to the view, and told, in order and without a gap; a lost history is told as `Reset`.
 *   P2  A hint may be lost: head and log are compared with the view at least every `pollInterval`. A hint of the database costs one
 *       question when the log goes on from the view.
 *   P3  A view that the database has not confirmed for `staleAfter` is stale, and says so.
 *   P4  Concurrent reads of one value share one load.
 *   P5  A cached value counts only if it is at least as new as the view's head, in the view's epoch.
 *   P6  Heads are read in pages while others commit: the view begins with what was current at one position, of one epoch.
 */
import {
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Layer,
  Metric,
  PubSub,
  Queue,
  Ref,
  Schedule,
  type Scope
} from "effect"
import { type Configuration, type Head, VARIABLES_KEY } from "../configuration/Configuration.ts"
import { ConfigurationStore } from "../configuration/ConfigurationStore.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Cache } from "./Cache.ts"
import { Heads, headOf } from "./Heads.ts"
import type { Position } from "./Position.ts"
import type { Revision } from "./Revision.ts"
import { RevisionLog } from "./RevisionLog.ts"
import { SharedCache } from "./SharedCache.ts"
import { makeTelling } from "./Telling.ts"
import { makeMark } from "./Traces.ts"

/** What a node tells its sessions. After `Reset` everything must be compared with the view again. */
export type PropagationEvent =
  | { readonly _tag: "Committed"; readonly revision: Revision }
  | { readonly _tag: "Reset" }
  /** P3: the view became stale, or was confirmed again. */
  | { readonly _tag: "Freshness"; readonly stale: boolean }

export interface PropagationOptions {
  readonly pollInterval: Duration.Input
  readonly staleAfter: Duration.Input
}

export class Propagation extends Context.Service<
  Propagation,
  {
    /** The position that this node has applied. */
    readonly position: () => Position
    /** P3. */
    readonly stale: () => boolean
    /** This node heard of a revision: apply it now if it is the next, otherwise read the log. */
    readonly hint: (revision: Revision) => Effect.Effect<void>
    /** This node committed a revision: as `hint`, and the other nodes are told. */
    readonly committed: (revision: Revision) => Effect.Effect<void>
    /** Undefined when the key never existed; tombstones are returned. */
    readonly head: (environment: string, key: string) => Head | undefined
    /** Heads that a pattern covers (`*` covers all), tombstones included. */
    readonly matching: (environment: string, pattern: string) => ReadonlyArray<Head>
    /** The current configuration of a head, from this node's cache, the shared one, or else the database. P4. */
    readonly value: (environment: string, key: string) => Effect.Effect<Configuration | undefined, HeraldError>
    /** The environment's template variables; empty when none are defined. */
    readonly variables: (environment: string) => Effect.Effect<Readonly<Record<string, string>>, HeraldError>
    /** Events from now on, in order. */
    readonly events: Effect.Effect<PubSub.Subscription<PropagationEvent>, never, Scope.Scope>
  }
>()("herald/propagation/Propagation") {
  static readonly layer = (options: PropagationOptions) => Layer.effect(Propagation, make(options))
}

/** Revisions that arrived ahead of their turn wait here; beyond this the log is read instead. */
const EARLY = 1_024
const PAGE = 500
/** Heads that are read at once. */
const HEADS = 5_000

const make = Effect.fnUntraced(function* (options: PropagationOptions) {
  const log = yield* RevisionLog
  const store = yield* ConfigurationStore
  const cache = yield* Cache
  const shared = yield* SharedCache
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const mark = yield* makeMark
  const events = yield* PubSub.unbounded<PropagationEvent>()
  const wake = yield* Queue.sliding<void>(1)
  const loads = new Map<string, Deferred.Deferred<Configuration | undefined, HeraldError>>()
  const early = new Map<bigint, Revision>()
  const staleAfter = Duration.toNanosUnsafe(options.staleAfter)
  const pollInterval = Duration.toNanosUnsafe(options.pollInterval)
  const heads = new Heads()
  let position: Position = { epoch: "", revision: 0n }
  let confirmedAt = clock.monotonicTimeNanosUnsafe()
  let polledAt = confirmedAt - pollInterval
  /** Something may be wrong with the view: the next look is a poll. */
  let gap = false

  const stale = () => clock.monotonicTimeNanosUnsafe() - confirmedAt > staleAfter

  /** P6 */
  const load: Effect.Effect<void, HeraldError> = Effect.gen(function* () {
    let page = yield* store.heads(undefined, HEADS)
    const { epoch } = page.position
    let { revision } = page.position
    const all = [...page.heads]
    while (page.next !== undefined) {
      page = yield* store.heads(page.next, HEADS)
      if (page.position.epoch !== epoch) return yield* load
      for (const head of page.heads) all.push(head)
    }
    let newest = revision
    for (const head of all) if (head.revision > newest) newest = head.revision
    while (revision < newest) {
      const read = yield* log.after(revision, PAGE)
      if (read.length === 0 || read.some((one) => one.epoch !== epoch))
        return yield* failure("DatabaseUnavailable", "the log does not go up to what is current")
      revision = read.at(-1)!.revision
      for (const { changes } of read) for (const change of changes) all.push(headOf(change))
    }
    if (epoch !== position.epoch) yield* cache.clear
    heads.replace(all)
    early.clear()
    position = { epoch, revision }
    confirmedAt = clock.monotonicTimeNanosUnsafe()
    shared.outdate(
      epoch,
      all.toSorted((a, b) => (a.revision < b.revision ? -1 : 1))
    )
  })

  const inTurn = (revision: Revision) =>
    revision.epoch === position.epoch && revision.revision === position.revision + 1n

  /** P1: the only place where the view moves forward; synchronous from the check on. */
  const apply = Effect.fnUntraced(function* (revision: Revision, heardBy: string) {
    for (const change of revision.changes) yield* cache.setIfNewer(change)
    if (!inTurn(revision)) return
    for (const change of revision.changes) heads.set(change)
    position = { epoch: revision.epoch, revision: revision.revision }
    shared.outdate(revision.epoch, revision.changes)
    PubSub.publishUnsafe(events, { _tag: "Committed", revision })
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
    for (let next = early.get(position.revision + 1n); next !== undefined; next = early.get(position.revision + 1n)) {
      early.delete(next.revision)
      yield* apply(next, heardBy)
    }
  })

  const onGap = () => {
    gap = true
    Queue.offerUnsafe(wake, undefined)
  }

  const hint = Effect.fnUntraced(function* (revision: Revision, heardBy = "commit") {
    if (revision.epoch === position.epoch && revision.revision <= position.revision) return
    if (inTurn(revision)) {
      yield* apply(revision, heardBy)
      return yield* advance(heardBy)
    }
    if (early.size < EARLY) early.set(revision.revision, revision)
    onGap()
  }, Effect.uninterruptible)

  const reset = Effect.gen(function* () {
    yield* Effect.logWarning("history was lost or is behind the horizon: reading every head again", {
      epoch: position.epoch,
      revision: String(position.revision)
    })
    yield* load
    PubSub.publishUnsafe(events, { _tag: "Reset" })
  })

  const poll = Effect.gen(function* () {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    polledAt = startedAt
    gap = false
    const known = position // hints may move it on while the database answers
    const head = yield* log.head
    if (head.epoch !== known.epoch || head.revision < known.revision) yield* reset
    while (head.revision > position.revision) {
      const before = position.revision
      const page = yield* log
        .after(before, PAGE)
        .pipe(Effect.catch((error) => (error.name === "NotFound" ? Effect.succeed(undefined) : Effect.fail(error))))
      if (page === undefined) {
        yield* reset
        break
      }
      for (const revision of page) if (inTurn(revision)) yield* apply(revision, "log")
      yield* advance("log")
      if (position.revision === before) break
    }
    confirmedAt = startedAt
    for (const revision of early.keys()) if (revision <= position.revision) early.delete(revision)
    yield* Metric.update(revisionGauge, Number(position.revision))
  })

  /** P2: true when what the log has after the view went on from it. Anything else is for the poll. */
  const follow = Effect.gen(function* () {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    if (gap || startedAt - polledAt >= pollInterval) return false
    const { epoch, revision: before } = position
    const page = yield* log
      .after(before, PAGE)
      .pipe(Effect.catch((error) => (error.name === "NotFound" ? Effect.succeed([]) : Effect.fail(error))))
    for (const revision of page) if (inTurn(revision)) yield* apply(revision, "log")
    yield* advance("log")
    const followed = page.length > 0 && page.length < PAGE && page.every((revision) => revision.epoch === epoch)
    if (followed && epoch === position.epoch) confirmedAt = startedAt
    return followed
  })

  const telling = yield* makeTelling({ revision: hint, gap: onGap })

  const told = yield* Ref.make(false)
  const tellFreshness = Effect.gen(function* () {
    const now = stale()
    if ((yield* Ref.getAndSet(told, now)) === now) return
    PubSub.publishUnsafe(events, { _tag: "Freshness", stale: now })
    yield* now
      ? Effect.logWarning("the database does not confirm: values are served as stale", { code: "HRLD-4001" })
      : Effect.logInfo("the database confirms again")
  })

  yield* load.pipe(
    Effect.tapError((error) =>
      Effect.logWarning("waiting for the database", { code: error.code, message: error.message })
    ),
    Effect.retry(Schedule.spaced(options.pollInterval)),
    Effect.orDie
  )
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

  /** P5 */
  const loadValue = Effect.fnUntraced(function* ({ environment, key, revision }: Head) {
    const { epoch } = position
    const found = yield* shared.get(environment, key)
    if (found?.epoch === epoch && epoch === position.epoch && found.configuration.revision >= revision) {
      sharedHits++
      yield* cache.setIfNewer(found.configuration)
      return found.configuration
    }
    misses++
    const configuration = yield* store.current(environment, key, { epoch, revision })
    if (configuration !== undefined && epoch === position.epoch) {
      yield* cache.setIfNewer(configuration)
      telling.share({ epoch, configuration })
    }
    return configuration
  })

  const value = Effect.fnUntraced(function* (environment: string, key: string) {
    const head = heads.get(environment, key)
    if (head === undefined) return undefined
    const cached = yield* cache.get(environment, key)
    if (cached !== undefined && cached.revision >= head.revision) {
      hits++
      return cached
    }
    // A load that began before this head was known may bring an older value.
    const id = `${environment}\u0000${key}\u0000${position.epoch}\u0000${head.revision}`
    const running = loads.get(id)
    if (running !== undefined) return yield* Deferred.await(running) // P4
    const mine = Deferred.makeUnsafe<Configuration | undefined, HeraldError>()
    loads.set(id, mine)
    // Not the reader's own fiber: when that one is interrupted, the others still wait.
    yield* loadValue(head).pipe(
      Effect.onExit((exit) => {
        loads.delete(id)
        return Deferred.done(mine, exit)
      }),
      Effect.forkIn(scope)
    )
    return yield* Deferred.await(mine)
  })

  let [hits, sharedHits, misses] = [0, 0, 0]
  yield* Effect.sleep("1 second").pipe(
    Effect.andThen(
      Effect.suspend(() => {
        const counts = [
          [Metric.withAttributes(cacheHits, { cache: "node" }), hits],
          [Metric.withAttributes(cacheHits, { cache: "shared" }), sharedHits],
          [cacheMisses, misses]
        ] as const
        hits = sharedHits = misses = 0
        return Effect.forEach(counts, ([metric, n]) => Metric.update(metric, n), { discard: true })
      })
    ),
    Effect.forever,
    Effect.forkScoped
  )

  const committed = Effect.fnUntraced(function* (revision: Revision) {
    yield* hint(revision)
    telling.tell(revision)
  })

  const parsed = new WeakMap<Configuration, Readonly<Record<string, string>>>()
  const variables = Effect.fnUntraced(function* (environment: string) {
    const found = yield* value(environment, VARIABLES_KEY)
    if (found === undefined || found.deleted) return none
    let result = parsed.get(found)
    if (result === undefined) {
      const flat = JSON.parse(found.value) as Record<string, string | number | boolean>
      result = Object.fromEntries(Object.entries(flat).map(([name, v]) => [name, String(v)]))
      parsed.set(found, result)
    }
    return result
  })

  return Propagation.of({
    position: () => position,
    stale,
    hint,
    committed,
    head: (environment, key) => heads.get(environment, key),
    matching: (environment, pattern) => heads.matching(environment, pattern),
    value,
    variables,
    events: PubSub.subscribe(events)
  })
})

const none: Readonly<Record<string, string>> = {}
const revisionGauge = Metric.gauge("herald_revision", { description: "newest revision applied to this node's view" })
const cacheHits = Metric.counter("herald_cache_hits_total", { incremental: true })
const cacheMisses = Metric.counter("herald_cache_misses_total", { incremental: true })
