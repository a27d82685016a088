/**
 * Write-behind of instances, deliveries and health: gathered and merged in Unwritten.ts, written in batches.
 *
 *   BK1  Nothing waits for the database: `note…` only changes memory.
 *   BK2  What is not yet written is bounded in rows and bytes. Beyond `maxPending` deliveries only the newest of each key, client and state
 *        is kept, ten times `maxPending` of those at most; of health reports and of instances the newest `maxPending`; all together at most
 *        `maxBytes`. What is dropped is counted. A batch is bounded too, so a try costs no more the longer the database is away.
 *   BK3  A batch that failed is merged back under what came later; the newest state wins, and within BK2 none is lost while the process lives.
 */
import { Cause, Clock, Context, type Duration, Effect, Exit, Layer, Metric, Option, Queue } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { notice } from "../telemetry/Degraded.ts"
import { always } from "../telemetry/Every.ts"
import { lastWords } from "../telemetry/LastWords.ts"
import { counter, gauge } from "../telemetry/Metrics.ts"
import type { Batch, DeliveryRow, HealthNote, HeldRow, InstanceNote, Speaker } from "./Instance.ts"
import { InstanceStore } from "./InstanceStore.ts"
import { halved, Unwritten } from "./Unwritten.ts"

export interface BookkeepingOptions {
  readonly flushEvery: Duration.Input
  /** Rows that start a flush before `flushEvery` is over. */
  readonly flushAt: number
  /** Rows. BK2 */
  readonly maxPending: number
  /** BK2 */
  readonly maxBytes: number
}

export const bookkeepingDefaults: BookkeepingOptions = {
  flushEvery: "250 millis",
  flushAt: 5_000,
  maxPending: 100_000,
  maxBytes: 128 * 1024 * 1024
}

export class Bookkeeping extends Context.Service<
  Bookkeeping,
  {
    readonly noteInstance: (row: InstanceNote) => void
    /** `instance`: the row's `instanceKey`, if the caller has it already. */
    readonly noteDelivery: (row: DeliveryRow, instance?: string) => void
    /** A client that connected has this already. `at`: milliseconds since 1970. */
    readonly noteHeld: (speaker: Speaker, key: HeldRow["keys"][number] & { readonly epoch: string }, at: number) => void
    readonly noteHealth: (row: HealthNote) => void
    /** `tell` is called with sessions whose instance the store left to another owner. OW2 */
    readonly whenRefused: (tell: (sessions: ReadonlyArray<string>) => void) => void
    /** Writes what is pending now; for shutdown and tests. Never fails: what can't be written stays pending. */
    readonly flush: Effect.Effect<void>
    /** Deliveries, and keys that clients hold, that wait to be written. */
    readonly pending: () => number
  }
>()("herald/fleet/Bookkeeping") {
  static readonly layer = (options: BookkeepingOptions = bookkeepingDefaults) =>
    Layer.effect(Bookkeeping, make(options))
}

/** The pause after a batch that could not be written. */
const RETRY = "1 second"

const make = Effect.fnUntraced(function* (options: BookkeepingOptions) {
  const store = yield* InstanceStore
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  const unwritten = new Unwritten({ rows: options.maxPending, bytes: options.maxBytes })
  let oldest: bigint | undefined
  let tellRefused: (sessions: ReadonlyArray<string>) => void = () => {}

  const touch = () => {
    oldest ??= clock.monotonicTimeNanosUnsafe()
    if (unwritten.size === options.flushAt) Queue.offerUnsafe(wake, undefined)
  }

  const writes = yield* notice("postgresql-writes", {
    source: "bookkeeping",
    began: "what clients answer can't be written: it waits",
    ended: "what clients answer is written again"
  })

  /** BL5. Returns what `InstanceStore.write` does. */
  const writeAll = (batch: Batch): Effect.Effect<ReadonlyArray<string>, HeraldError> =>
    Effect.catchTag(store.write(batch), "Unkeepable", ({ message }) => {
      const halves = halved(batch)
      if (halves !== undefined)
        return Effect.zipWith(writeAll(halves[0]), writeAll(halves[1]), (one, two) => [...one, ...two])
      return Effect.as(
        Effect.andThen(
          Metric.update(leftOutTotal, 1),
          Effect.logWarning("what a client said can't be kept", { reason: message })
        ),
        []
      )
    })

  /** False when a batch could not be written. */
  const write = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      if (unwritten.size === 0) return true
      const batch = unwritten.take()
      const late = oldest === undefined ? 0 : Number(clock.monotonicTimeNanosUnsafe() - oldest) / 1e9
      oldest = undefined
      const exit = yield* Effect.exit(restore(writeAll(batch)))
      if (Exit.isSuccess(exit)) {
        yield* writes.works
        if (exit.value.length > 0) tellRefused(exit.value)
        yield* Metric.update(written, batch.deliveries.length)
        yield* Metric.update(lag, late)
      } else {
        unwritten.putBack(batch) // BK3
        const error = Cause.findErrorOption(exit.cause)
        if (Option.isSome(error)) yield* writes.fails(error.value.message)
        yield* Effect.logDebug("bookkeeping waits", exit.cause, { pending: unwritten.deliveries })
      }
      if (unwritten.merged > 0) {
        yield* Metric.update(mergedTotal, unwritten.merged)
        unwritten.merged = 0
      }
      yield* Metric.update(pendingGauge, unwritten.deliveries)
      return Exit.isSuccess(exit)
    })
  )

  const due = () =>
    unwritten.size >= options.flushAt
      ? Effect.void
      : Queue.take(wake).pipe(Effect.timeoutOption(options.flushEvery), Effect.asVoid)
  const flush = write.pipe(Effect.repeat({ while: (done) => done && unwritten.size > 0 }), Effect.asVoid)
  // Runs after the loop below has ended and put back what it was writing.
  yield* Effect.addFinalizer(() => lastWords("what clients answered was not written at the end", flush))
  const round = Effect.suspend(due).pipe(
    Effect.andThen(write),
    Effect.flatMap((done) => (done ? Effect.void : Effect.sleep(RETRY)))
  )
  yield* Effect.forkScoped(always("what clients answered was not written", round))

  const noting =
    <A extends ReadonlyArray<unknown>>(note: (...args: A) => void) =>
    (...args: A): void => {
      note(...args)
      touch()
    }
  return Bookkeeping.of({
    noteInstance: noting((row) => unwritten.instance(row)),
    noteDelivery: noting((row, instance) => unwritten.delivery(row, instance)),
    noteHeld: noting((speaker, key, at) => unwritten.held(speaker, key, at)),
    noteHealth: noting((row) => unwritten.health(row)),
    whenRefused: (tell) => {
      tellRefused = tell
    },
    flush,
    pending: () => unwritten.deliveries
  })
})

const written = counter("herald_deliveries_written_total", "answers of clients that were written")
const mergedTotal = counter(
  "herald_deliveries_merged_total",
  "rows that newer ones replaced or displaced while the database was away"
)
const leftOutTotal = counter(
  "herald_bookkeeping_left_out_total",
  "rows that the database can't keep, whatever the try, and that were left out"
)
const pendingGauge = gauge("herald_bookkeeping_pending", "answers of clients that wait to be written")
const lag = gauge("herald_bookkeeping_lag_seconds", "how long the oldest answer that was not written waits")
