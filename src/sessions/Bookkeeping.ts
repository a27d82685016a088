/**
 * Write-behind of instances, deliveries and health: gathered here, merged, written in batches.
 *
 *   B1  Nothing waits for the database: `note…` only changes memory.
 *   B2  What is not yet written is bounded: beyond `maxPending` deliveries only the newest of each key and client is kept, of those the
 *      newest ten times `maxPending`; of health reports and instances the newest `maxPending`. What goes is counted. At most `BATCH`
 *      deliveries are written at once, so that trying costs no more memory the longer the database is away.
 *   B3  A batch that failed is merged back under what came later; the newest state wins, and within B2 none is lost while the process lives.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Metric, Queue } from "effect"
import { type Batch, type DeliveryRow, type HealthRow, type InstanceNote, InstanceStore } from "./InstanceStore.ts"
import { instanceKey } from "./Subscription.ts"

export interface BookkeepingOptions {
  readonly flushEvery: Duration.Input
  /** Rows that trigger a flush before its time. */
  readonly flushAt: number
  readonly maxPending: number
}

export const bookkeepingDefaults: BookkeepingOptions = { flushEvery: "100 millis", flushAt: 2_000, maxPending: 100_000 }

export class Bookkeeping extends Context.Service<
  Bookkeeping,
  {
    readonly noteInstance: (row: InstanceNote) => void
    readonly noteDelivery: (row: DeliveryRow) => void
    readonly noteHealth: (row: HealthRow) => void
    /** Writes what is pending now; for shutdown and tests. Never fails: what can't be written stays. */
    readonly flush: Effect.Effect<void>
    /** Deliveries that wait to be written. */
    readonly pending: () => number
  }
>()("herald/sessions/Bookkeeping") {
  static readonly layer = (options: BookkeepingOptions = bookkeepingDefaults) =>
    Layer.effect(Bookkeeping, make(options))
}

const BATCH = 10_000

const deliveryKey = (row: DeliveryRow) => `${instanceKey(row)}\u0000${row.key}\u0000${row.revision}`

/** The later of two notes on the same delivery: an answer is never overwritten by "sent". */
const laterDelivery = (a: DeliveryRow, b: DeliveryRow): DeliveryRow =>
  b.state === "sent" ? { ...a, sentAt: Math.max(a.sentAt, b.sentAt) } : { ...b, sentAt: Math.max(a.sentAt, b.sentAt) }

/** The later of two notes on one instance; a session that was not written yet still has to take it. */
const laterNote = (a: InstanceNote, b: InstanceNote): InstanceNote =>
  a.opening && a.session === b.session ? { ...b, opening: true } : b

interface Pending {
  readonly instances: Map<string, InstanceNote>
  readonly deliveries: Map<string, DeliveryRow>
  readonly health: Map<string, HealthRow>
}

const make = Effect.fnUntraced(function* (options: BookkeepingOptions) {
  const store = yield* InstanceStore
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  let instances = new Map<string, InstanceNote>()
  let deliveries = new Map<string, DeliveryRow>()
  let health = new Map<string, HealthRow>()
  let oldest: bigint | undefined
  let merged = 0
  let bound = options.maxPending

  const touch = () => {
    oldest ??= clock.monotonicTimeNanosUnsafe()
    if (deliveries.size + instances.size === options.flushAt) Queue.offerUnsafe(wake, undefined)
  }

  const noteDelivery = (row: DeliveryRow) => {
    const id = deliveryKey(row)
    const known = deliveries.get(id)
    deliveries.set(id, known === undefined ? row : laterDelivery(known, row))
    if (deliveries.size > bound) compact()
    touch()
  }

  /** B2 */
  const compact = () => {
    const newest = new Map<string, string>()
    for (const [id, row] of deliveries) {
      const slot = `${instanceKey(row)}\u0000${row.key}`
      const other = newest.get(slot)
      if (other === undefined) newest.set(slot, id)
      else if (deliveries.get(other)!.revision < row.revision) {
        newest.set(slot, id)
        deliveries.delete(other)
        merged++
      } else {
        deliveries.delete(id)
        merged++
      }
    }
    trim(deliveries, 10 * options.maxPending)
    bound = Math.max(options.maxPending, deliveries.size * 2) // one pass must pay for many notes
  }

  /** B2: the oldest go first. */
  const trim = (rows: Map<string, unknown>, most = options.maxPending) => {
    for (const id of rows.keys()) {
      if (rows.size <= most) break
      rows.delete(id)
      merged++
    }
  }

  const noteInstance = (row: InstanceNote) => {
    const id = instanceKey(row)
    const known = instances.get(id)
    instances.delete(id)
    instances.set(id, known === undefined ? row : laterNote(known, row))
    trim(instances)
    touch()
  }
  const noteHealth = (row: HealthRow) => {
    health.set(`${instanceKey(row)}\u0000${row.revision}`, row)
    trim(health)
    touch()
  }

  /** B2: the oldest first. */
  const takeDeliveries = () => {
    const all = deliveries
    if (all.size <= BATCH) {
      deliveries = new Map()
      return all
    }
    const taken = new Map<string, DeliveryRow>()
    for (const [id, row] of all) {
      taken.set(id, row)
      all.delete(id)
      if (taken.size === BATCH) break
    }
    return taken
  }

  /** B3 */
  const putBack = (mine: Pending) => {
    for (const [id, row] of instances) {
      const known = mine.instances.get(id)
      mine.instances.set(id, known === undefined ? row : laterNote(known, row))
    }
    for (const [id, row] of health) mine.health.set(id, row)
    for (const [id, row] of mine.deliveries) {
      const newer = deliveries.get(id)
      deliveries.set(id, newer === undefined ? row : laterDelivery(row, newer))
    }
    ;({ instances, health } = mine)
    trim(instances)
    trim(health)
    if (deliveries.size > bound) compact()
  }

  /** True when nothing is left that could not be written. */
  const write = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      if (instances.size + deliveries.size + health.size === 0) return true
      const mine: Pending = { instances, deliveries: takeDeliveries(), health }
      instances = new Map()
      health = new Map()
      if (deliveries.size === 0) bound = options.maxPending
      const late = oldest === undefined ? 0 : Number(clock.monotonicTimeNanosUnsafe() - oldest) / 1e9
      oldest = undefined
      const batch: Batch = {
        instances: [...mine.instances.values()],
        deliveries: [...mine.deliveries.values()],
        health: [...mine.health.values()]
      }
      const exit = yield* Effect.exit(restore(store.write(batch)))
      if (Exit.isSuccess(exit)) {
        yield* Metric.update(written, batch.deliveries.length)
        yield* Metric.update(lag, late)
      } else {
        putBack(mine)
        yield* Effect.logDebug("bookkeeping waits", exit.cause, { pending: deliveries.size })
      }
      if (merged > 0) {
        yield* Metric.update(mergedTotal, merged)
        merged = 0
      }
      yield* Metric.update(pendingGauge, deliveries.size)
      return Exit.isSuccess(exit)
    })
  )

  const due = () =>
    deliveries.size + instances.size >= options.flushAt
      ? Effect.void
      : Queue.take(wake).pipe(Effect.timeoutOption(options.flushEvery), Effect.asVoid)
  const flush = write.pipe(Effect.repeat({ while: (done) => done && deliveries.size > 0 }), Effect.asVoid)
  const patience = Duration.toMillis(options.flushEvery) * 10
  // Runs after the loop below has ended and put back what it was writing.
  yield* Effect.addFinalizer(() => Effect.interruptible(flush.pipe(Effect.timeoutOption("2 seconds"))))
  yield* Effect.suspend(due).pipe(
    Effect.andThen(write),
    Effect.flatMap((done) => (done ? Effect.void : Effect.sleep(patience))),
    Effect.forever,
    Effect.forkScoped
  )

  return Bookkeeping.of({ noteInstance, noteDelivery, noteHealth, flush, pending: () => deliveries.size })
})

const written = Metric.counter("herald_deliveries_written_total", { incremental: true })
const mergedTotal = Metric.counter("herald_deliveries_merged_total", {
  incremental: true,
  description: "rows that newer ones replaced or displaced while the database was away"
})
const pendingGauge = Metric.gauge("herald_bookkeeping_pending")
const lag = Metric.gauge("herald_bookkeeping_lag_seconds")
