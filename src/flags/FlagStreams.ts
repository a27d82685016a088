/**
 * Tells streams of flagd's protocols that flags of their environment changed.
 *
 *   FT1  A reader is told of each environment's changes once they are in the view, in a batch: what changes in a burst comes together.
 *   FT10 A reader that may have some flags is told of these, and as of an update of theirs where others changed that they need: of nothing else.
 *   FT2  A reader that can't take more keeps nothing here but that there is something: it asks for the newest when it can.
 *   FT3  Streams are limited in number: in all, and of a principal, which leaves room for others. So they are of an address that has no key, which
 *        leaves half of what those have together.
 *   FT5  A change of what flags share is told as a change of each of these flags.
 *   FT6  Whether flags changed is known for as long as this node follows the log, for readers that say what they had.
 *   FT4  A stream whose key is no longer good ends within 5 s, and all end when the node leaves: with an error that asks them to come back.
 *   FT9  A reader that then asks, of whichever node a balancer takes it to, is told of each change once more, 4 to 6 s later: a node that lagged behind
 *        has it by then, or says that it is not ready.
 */
import { Clock, Context, Deferred, Effect, Layer, Metric } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import { inKeyScope, type KeyScope, scopeOf, scopeText } from "../access/KeyScope.ts"
import { Places } from "../access/Places.ts"
import { makeWatching } from "../access/Watching.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Change, Revision } from "../propagation/Revision.ts"
import { afterEvery, always } from "../telemetry/Every.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { Changed } from "./Changed.ts"
import type { Dependents } from "./Dependents.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import { FlagView } from "./FlagView.ts"
import { IdLists } from "./IdLists.ts"
import { isAnonymous } from "./OpenFlags.ts"
import { type ChangeOfFlag, Recent } from "./Recent.ts"

/** By the name of the flag. Undefined: anything may have changed. */
export type Changes = ReadonlyMap<string, ChangeOfFlag> | undefined

/** It is called synchronously, and never throws. */
export interface FlagReader {
  readonly told: (changes: Changes) => void
  readonly ended: (error: HeraldError) => void
  /** Whether it asks for what changed, by requests of their own. FT9 */
  readonly asks?: boolean
}

export class FlagStreams extends Context.Service<
  FlagStreams,
  {
    /** Requires config.read. Gives what closes it. Fails `Forbidden`, `Unauthenticated`, `ServerFull`, `TooManySubscriptions`, `Draining`. */
    readonly open: (environment: string, reader: FlagReader) => Effect.Effect<() => void, HeraldError>
    /** Flags of the scope that changed of late: what a reader may have missed that was here before. FT8 */
    readonly recent: (environment: string, scope?: KeyScope) => ReadonlyMap<string, ChangeOfFlag>
    /** When flags changed, as told to readers or about to be. A reader that is open first misses nothing that is not in it. FT6 */
    readonly changed: Changed
    /** Waits until this node goes on in the log from where it is now. */
    readonly advanced: () => Effect.Effect<void>
    /** Ends all and refuses new ones. FT4 */
    readonly drain: Effect.Effect<void>
    /** How many are open. */
    readonly size: () => number
  }
>()("herald/flags/FlagStreams") {
  static readonly layer = (options: { readonly streams: number }) =>
    Layer.effect(FlagStreams, make(options)).pipe(Layer.provide(IdLists.layer))
}

interface Stream extends FlagReader {
  readonly identity: Identity
  readonly environment: string
  readonly scope: KeyScope
  readonly close: () => void
}

/** No principal has this name. */
const NOBODY = ""
/** Flags in one batch; more are told as "anything". */
const BATCH = 1_000
/** Readers that are told before others have their turn. */
const SLICE = 64
/** Time between two looks at a key: less than half of FT4's bound. */
const CHECK = "2 seconds"
/** Looks between what was told and telling it once more. FT9 */
const LOOKS = 3

const isFlag = (change: Change): change is FeatureFlag => change.kind === "flag"
const kindOf = ({ deleted, version }: FeatureFlag): ChangeOfFlag =>
  deleted ? "delete" : version === 1 ? "write" : "update"

const make = Effect.fnUntraced(function* ({ streams: max }: { readonly streams: number }) {
  const propagation = yield* Propagation
  const view = yield* FlagView
  const lists = yield* IdLists
  const ofPrincipal = Math.max(1, Math.floor(max * 0.8))
  const places = new Places([max, ofPrincipal, Math.max(1, Math.floor(ofPrincipal / 2))]) // FT3
  const byEnvironment = new Map<string, Set<Stream>>()
  let open = 0
  let draining = false
  /** What was not told yet. */
  let pending = new Map<string, Map<string, ChangeOfFlag> | undefined>()
  let wake = yield* Deferred.make<void>()
  /** What was told between two looks, the oldest first. FT9 */
  const told: Array<Map<string, Map<string, ChangeOfFlag>>> = Array.from({ length: LOOKS }, () => new Map())

  const clock = yield* Clock.Clock
  const events = yield* propagation.events
  const changed = new Changed(propagation.position(), clock.currentTimeMillisUnsafe())
  const recent = new Recent((environment) => view.all(environment).byKey.values())
  let step = yield* Deferred.make<void>()

  const note = (environment: string, key?: string, change: ChangeOfFlag = "update"): void => {
    if (key !== undefined) recent.note(environment, key, change, clock.currentTimeMillisUnsafe()) // FT8
    if (!byEnvironment.has(environment)) return
    const batch = pending.has(environment) ? pending.get(environment) : new Map<string, ChangeOfFlag>()
    if (key === undefined || batch === undefined || batch.size >= BATCH) pending.set(environment, undefined)
    else {
      const before = batch.get(key)
      // What is new stays new to who was not told of it yet, and what is gone is not there to be updated.
      const kept = before === "write" && change === "update" ? before : change
      pending.set(environment, batch.set(key, kept))
    }
  }

  // A list of ids that came later than its segment changes what flags are, without a commit. FT5
  lists.loaded((environment, key) => {
    for (const flag of view.affected({ kind: "segment", environment, key })) note(environment, flag)
    if (pending.size > 0) Deferred.doneUnsafe(wake, Effect.void)
  })

  const heard = (revision: Revision): void => {
    for (const change of revision.changes) {
      if (isFlag(change)) note(change.environment, change.key, kindOf(change))
      else {
        const affected = [...view.affected(change)]
        if (affected.length === 0) continue
        for (const key of affected) note(change.environment, key, "update") // FT5
      }
      const at = { epoch: revision.epoch, revision: revision.revision }
      changed.note(change.environment, at, clock.currentTimeMillisUnsafe()) // FT6
    }
  }

  const reset = (): void => {
    for (const environment of byEnvironment.keys()) note(environment)
    recent.reset()
    changed.reset(propagation.position(), clock.currentTimeMillisUnsafe())
  }

  yield* Effect.forkScoped(
    always(
      "streams of flags were not told of a revision",
      Effect.flatMap(
        events,
        Effect.fnUntraced(function* (event) {
          if (event._tag === "Freshness") return
          if (event._tag === "Committed") heard(event.revision)
          else reset()
          if (pending.size > 0) Deferred.doneUnsafe(wake, Effect.void)
          const before = step
          step = yield* Deferred.make<void>()
          Deferred.doneUnsafe(before, Effect.void)
        })
      )
    )
  )

  /** FT1 */
  const tell = Effect.gen(function* () {
    yield* Deferred.await(wake)
    yield* Effect.yieldNow // others of the same burst
    wake = yield* Deferred.make<void>()
    const batches = pending
    pending = new Map()
    for (const [environment, changes] of batches) {
      yield* tellAll(environment, changes)
      if (changes === undefined) continue // those that ask come again, and are told of what changed of late: FT8
      const its = told.at(-1)!.get(environment) ?? new Map<string, ChangeOfFlag>()
      for (const [key, change] of changes) its.set(key, change)
      told.at(-1)!.set(environment, its)
    }
  })
  const parts = new WeakMap<NonNullable<Changes>, Map<string, NonNullable<Changes>>>()
  /** The same for all of one scope. FT10 */
  const within = (environment: string, changes: NonNullable<Changes>, scope: KeyScope): NonNullable<Changes> => {
    if (scope === undefined) return changes
    let its = parts.get(changes)
    if (its === undefined) parts.set(changes, (its = new Map()))
    const id = scopeText(scope)
    let part = its.get(id)
    if (part === undefined) its.set(id, (part = partOf(changes, scope, view.dependents(environment))))
    return part
  }

  const tellAll = Effect.fnUntraced(function* (environment: string, changes: Changes, asking = false) {
    let count = 0
    for (const stream of [...(byEnvironment.get(environment) ?? [])]) {
      if (asking && stream.asks !== true) continue
      const its = changes && within(environment, changes, stream.scope)
      if (its?.size !== 0) stream.told(its)
      if (++count % SLICE === 0) yield* Effect.yieldNow
    }
  })
  /** FT9 */
  const tellAgain = Effect.gen(function* () {
    const due = told.shift()!
    told.push(new Map())
    for (const [environment, changes] of due) {
      const all = [...changes]
      for (let from = 0; from < all.length; from += BATCH)
        yield* tellAll(environment, new Map(all.slice(from, from + BATCH)), true)
    }
  })
  yield* Effect.forkScoped(always("streams of flags were not told of changes", tell))

  const all = () => [...byEnvironment.values()].flatMap((streams) => [...streams])

  const check = Effect.suspend(() =>
    Effect.all([Metric.update(openGauge, open), tellAgain, checkKeys], { discard: true })
  )
  const watching = yield* makeWatching
  const checkKeys = Effect.suspend(() =>
    watching(
      all().filter(({ identity }) => !isAnonymous(identity)),
      end
    )
  ) // FT4
  yield* Effect.forkScoped(afterEvery("the keys of streams of flags were not checked", CHECK, check))

  const end = (stream: Stream, error: HeraldError): void => {
    stream.close()
    stream.ended(error)
  }

  return FlagStreams.of({
    changed,
    recent: (environment, scope) => within(environment, recent.of(environment, clock.currentTimeMillisUnsafe()), scope),
    advanced: () => Deferred.await(step),
    open: Effect.fnUntraced(function* (environment, reader) {
      const identity = yield* requirePermission("config.read", environment, { kind: "flag" })
      if (draining) return yield* failure("Draining", "this server is leaving; come back to another")
      const { name, address } = identity
      const place = places.take("", isAnonymous(identity) ? NOBODY : name, address)
      if (typeof place === "number") {
        const whose = place === 1 ? name : "this address, without an API key,"
        return yield* place === 0
          ? failure("ServerFull", `this server has ${max} streams of flags`)
          : failure("TooManySubscriptions", `${whose} has as many streams of flags as one may have`)
      }
      let streams = byEnvironment.get(environment)
      if (streams === undefined) byEnvironment.set(environment, (streams = new Set()))
      const its = streams
      let closed = false
      const close = (): void => {
        if (closed) return
        closed = true
        open--
        its.delete(stream)
        if (its.size === 0 && byEnvironment.get(environment) === its) byEnvironment.delete(environment)
        place()
      }
      const scope = scopeOf(identity, "flag")
      const stream: Stream = { ...reader, identity, environment, scope, close }
      its.add(stream)
      open++
      return close
    }),
    drain: Effect.sync(() => {
      draining = true
      for (const stream of all()) end(stream, failure("Draining", "this server is leaving; come back to another"))
    }),
    size: () => open
  })
})

/** FT10 */
const partOf = (
  changes: NonNullable<Changes>,
  scope: KeyScope,
  dependents: Dependents | undefined
): NonNullable<Changes> => {
  const part = new Map<string, ChangeOfFlag>()
  for (const [key, change] of changes) {
    if (inKeyScope(scope, key)) part.set(key, change)
    else
      for (const other of dependents?.of(key) ?? [])
        if (inKeyScope(scope, other) && !changes.has(other)) part.set(other, "update")
  }
  return part
}

const openGauge = gauge("herald_flag_streams", "streams that tell of changed flags and are open")
