/**
 * Write-behind of instances, deliveries and health: gathered here, merged, written in batches.
 *
 *   B1  Nothing waits for the database: `note…` only changes memory.
 *   B2  What is not yet written is bounded: beyond `maxPending` deliveries only the newest of each key and client is kept, and counted.
 *   B3  A batch that failed is merged back under what came later; the newest state wins, and none is lost while the process lives.
 */
import { Clock, Context, Duration, Effect, Layer, Metric, Queue } from "effect"
import { type Batch, type DeliveryRow, type HealthRow, type InstanceRow, InstanceStore } from "./InstanceStore.ts"
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
    readonly noteInstance: (row: InstanceRow) => void
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

const deliveryKey = (row: DeliveryRow) => `${instanceKey(row)}\u0000${row.key}\u0000${row.revision}`

/** The later of two notes on the same delivery: an answer is never overwritten by "sent". */
const laterDelivery = (a: DeliveryRow, b: DeliveryRow): DeliveryRow =>
  b.state === "sent" ? { ...a, sentAt: Math.max(a.sentAt, b.sentAt) } : { ...b, sentAt: Math.max(a.sentAt, b.sentAt) }

const make = Effect.fnUntraced(function* (options: BookkeepingOptions) {
  const store = yield* InstanceStore
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  let instances = new Map<string, InstanceRow>()
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
    bound = Math.max(options.maxPending, deliveries.size * 2) // one pass must pay for many notes
  }

  const noteInstance = (row: InstanceRow) => {
    instances.set(instanceKey(row), row)
    touch()
  }
  const noteHealth = (row: HealthRow) => {
    health.set(`${instanceKey(row)}\u0000${row.revision}`, row)
    touch()
  }

  const flush = Effect.gen(function* () {
    if (instances.size + deliveries.size + health.size === 0) return
    const mine = { instances, deliveries, health }
    instances = new Map()
    deliveries = new Map()
    health = new Map()
    bound = options.maxPending
    const late = oldest === undefined ? 0 : Number(clock.monotonicTimeNanosUnsafe() - oldest) / 1e9
    oldest = undefined
    const batch: Batch = {
      instances: [...mine.instances.values()],
      deliveries: [...mine.deliveries.values()],
      health: [...mine.health.values()]
    }
    yield* store.write(batch).pipe(
      Effect.tap(() => Effect.andThen(Metric.update(written, batch.deliveries.length), Metric.update(lag, late))),
      Effect.catch((error) =>
        Effect.suspend(() => {
          // B3
          for (const [id, row] of instances) mine.instances.set(id, row)
          for (const [id, row] of health) mine.health.set(id, row)
          for (const [id, row] of deliveries) {
            const known = mine.deliveries.get(id)
            mine.deliveries.set(id, known === undefined ? row : laterDelivery(known, row))
          }
          ;({ instances, deliveries, health } = mine)
          if (deliveries.size > bound) compact()
          return Effect.andThen(
            Effect.logDebug("bookkeeping waits", { code: error.code, pending: deliveries.size }),
            Effect.sleep(Duration.toMillis(options.flushEvery) * 10)
          )
        })
      )
    )
    if (merged > 0) {
      yield* Metric.update(mergedTotal, merged)
      merged = 0
    }
    yield* Metric.update(pendingGauge, deliveries.size)
  }).pipe(Effect.uninterruptible)

  const due = () =>
    deliveries.size + instances.size >= options.flushAt
      ? Effect.void
      : Queue.take(wake).pipe(Effect.timeoutOption(options.flushEvery), Effect.asVoid)
  yield* Effect.suspend(due).pipe(Effect.andThen(flush), Effect.forever, Effect.forkScoped)
  yield* Effect.addFinalizer(() => flush.pipe(Effect.timeoutOption("2 seconds")))

  return Bookkeeping.of({ noteInstance, noteDelivery, noteHealth, flush, pending: () => deliveries.size })
})

const written = Metric.counter("herald_deliveries_written_total", { incremental: true })
const mergedTotal = Metric.counter("herald_deliveries_merged_total", {
  incremental: true,
  description: "older deliveries of a key to a client that were merged while the database was away"
})
const pendingGauge = Metric.gauge("herald_bookkeeping_pending")
const lag = Metric.gauge("herald_bookkeeping_lag_seconds")
