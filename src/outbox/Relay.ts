/**
 * Publishes committed revisions to the event log: the revision log is the outbox, and one node at a time is the relay.
 *
 *   EV2  Every kept revision is published at least once, events of a key in the order of their commits; the position moves only after
 *        the log has them.
 *   EV3  A relay whose lease has passed starts no publish; one that was overtaken while it published can't move the position.
 *   EV4  Revisions that can't be published any more (swept, or of a lost history) are skipped deliberately: logged and counted.
 *   EV5  An event log that is down costs one page of memory and makes nobody else wait; publishing goes on by itself when it is back.
 */
import { Clock, Duration, Effect, Layer, Metric, Queue, Random } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { type Lease, Leases } from "../leases/Leases.ts"
import { backoff } from "../net/Backoff.ts"
import { Kinds } from "../propagation/Kinds.ts"
import { covers, type Position, sameEpoch } from "../propagation/Position.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import { Seal } from "../seals/Seal.ts"
import { notice } from "../telemetry/Degraded.ts"
import { always, every } from "../telemetry/Every.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"
import { eventsOf } from "./Event.ts"
import { EventLog } from "./EventLog.ts"
import { published } from "./Noting.ts"
import { type Backlog, Outbox } from "./Outbox.ts"
import { sealed } from "./Sealed.ts"

export interface RelayOptions {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
  readonly lease: Duration.Input
  readonly pollInterval: Duration.Input
  /** Revisions in one publish, at most. */
  readonly page: number
}

export const relayDefaults = { lease: "20 seconds", pollInterval: "1 second", page: 2_000 } as const

/** Milliseconds; when events wait longer, the node says that it is degraded. */
const LATE = 5_000
/** After a failure. */
const AGAIN = { first: 100, longest: 5_000, spread: 0.5 }

/** EV4: where to go on, and how many revisions are skipped. Pure. */
export const resume = ({ position, head, oldest, kept }: Backlog) => {
  const first = position.epoch === ""
  const lostHistory = !first && !covers(head, position)
  const from = first ? oldest - 1n : lostHistory && kept < position.revision ? kept : position.revision
  const skipped = from < oldest - 1n ? oldest - 1n - from : 0n
  const start: Position = { epoch: head.epoch, revision: from + skipped }
  return { start, lostHistory, skipped }
}

interface Held {
  readonly lease: Lease
  /** Monotonic nanoseconds. */
  until: bigint
  position: Position
}

const make = Effect.fnUntraced(function* (options: RelayOptions) {
  const [revisions, events, outbox, propagation] = [
    yield* RevisionLog,
    yield* EventLog,
    yield* Outbox,
    yield* Propagation
  ]
  const [leases, seal, kinds] = [yield* Leases, yield* Seal, yield* Kinds]
  const clock = yield* Clock.Clock
  for (const kind of kinds.names) yield* Metric.update(Metric.withAttributes(published, { kind }), 0) // MT1
  let failures = 0
  const late = yield* notice("events", {
    source: "outbox",
    began: "committed revisions wait for the event log",
    ended: "no revision waits for the event log any more",
    quiet: () => failures > 0
  })
  const wake = yield* Queue.sliding<void>(1)
  const leaseMillis = Duration.toMillis(options.lease)
  const leaseNanos = Duration.toNanosUnsafe(options.lease)
  const now = () => clock.monotonicTimeNanosUnsafe()

  const overtaken = (held: Held) =>
    failure("EventLogUnavailable", `another node took the relay over after token ${held.lease.token}`)

  const moveTo = Effect.fnUntraced(function* (held: Held, position: Position) {
    const asked = now()
    if (!(yield* outbox.advance(held.lease, position, leaseMillis))) return yield* overtaken(held) // EV3
    held.position = position
    held.until = asked + leaseNanos
  })

  /** EV4 */
  const settle = Effect.fnUntraced(function* (held: Held) {
    const backlog = yield* outbox.backlog
    const { start, lostHistory, skipped } = resume(backlog)
    if (lostHistory) {
      yield* Metric.update(Metric.withAttributes(gaps, { reason: "epoch" }), 1)
      yield* Effect.logWarning("the history that was published was lost: events go on from the new one", {
        before: `${backlog.position.epoch}/${backlog.position.revision}`,
        from: `${start.epoch}/${start.revision}`
      })
    }
    if (skipped > 0n) {
      yield* Metric.update(Metric.withAttributes(gaps, { reason: "swept" }), 1)
      yield* Effect.logWarning("revisions were swept before their events were published", { skipped: String(skipped) })
    }
    yield* moveTo(held, start)
  })

  /** Publishes one page. Returns false when nothing waits. */
  const step = Effect.fnUntraced(function* (held: Held) {
    const page = yield* revisions.after(held.position.revision, options.page)
    // The head is asked for after the page was read: if its epoch is still ours, so is the page's.
    if (page === undefined || !covers(yield* revisions.head, held.position)) {
      yield* settle(held)
      return true
    }
    if (held.until - now() < leaseNanos / 2n) yield* moveTo(held, held.position)
    const last = page.at(-1)
    if (last === undefined) return false
    const messages = page.flatMap((revision) => eventsOf(kinds, revision)).map(sealed(seal)) // EV7
    if (now() >= held.until) return yield* overtaken(held) // EV3
    yield* events.publish(messages)
    yield* moveTo(held, { epoch: held.position.epoch, revision: last.revision }) // EV2
    for (const kind of kinds.names) {
      const its = page.reduce((sum, { changes }) => sum + changes.filter((change) => change.kind === kind).length, 0)
      yield* Metric.update(Metric.withAttributes(published, { kind }), its)
    }
    return true
  })

  const idle = Effect.asVoid(Queue.take(wake).pipe(Effect.timeoutOption(options.pollInterval)))

  const serve = (held: Held) =>
    Effect.gen(function* () {
      yield* settle(held)
      while (true) {
        if (yield* step(held)) {
          if (failures > 0) yield* Effect.logInfo("events are published again")
          failures = 0
        } else yield* idle
      }
    }).pipe(Effect.ensuring(leases.release(held.lease).pipe(Effect.timeout("1 second"), Effect.ignore)))

  const backOff = Effect.fnUntraced(function* (error: HeraldError) {
    const millis = backoff(AGAIN, failures++, yield* Random.next)
    const said = { code: error.code, reason: error.message, againInMillis: Math.round(millis) }
    yield* failures === 1 ? Effect.logWarning("events wait", said) : Effect.logDebug("events still wait", said)
    yield* Effect.sleep(millis)
  })

  const turn = Effect.gen(function* () {
    const asked = now()
    const lease = yield* leases.claim("relay", options.run, leaseMillis)
    if (lease === undefined) return yield* Effect.sleep(options.pollInterval)
    yield* serve({ lease, until: asked + leaseNanos, position: { epoch: "", revision: 0n } })
  })

  const measure = Effect.gen(function* () {
    const { position, head, waitingSince, oldest } = yield* outbox.backlog
    const behind = sameEpoch(position, head) ? head.revision - position.revision : head.revision - oldest + 1n
    yield* Metric.update(depth, Number(behind > 0n ? behind : 0n))
    const waits = waitingSince === undefined ? 0 : clock.currentTimeMillisUnsafe() - waitingSince
    yield* Metric.update(age, Math.max(0, waits) / 1_000)
    yield* waits > LATE ? late.fails(`the oldest waits for ${Math.round(waits / 1_000)} s`) : late.works
  })

  const commits = yield* propagation.events
  const heard = Effect.tap(commits, () => Effect.sync(() => Queue.offerUnsafe(wake, undefined)))
  yield* Effect.forkScoped(always("the relay did not hear of a commit", heard))
  yield* Effect.forkScoped(always("the relay met a defect", Effect.catch(turn, backOff)))
  yield* Effect.forkScoped(every("what waits for the event log was not measured", "2 seconds", measure))
})

/** Runs the relay as long as the layer lives. */
export const layer = (options: RelayOptions) => Layer.effectDiscard(make(options))

const gaps = counter(
  "herald_event_gaps_total",
  "times that revisions were skipped, because they can't be published any more",
  each("reason", ["epoch", "swept"])
)
const depth = gauge("herald_outbox_depth", "committed revisions that are not in the event log")
const age = gauge("herald_outbox_age_seconds", "how long the oldest revision that is not in the event log waits")
