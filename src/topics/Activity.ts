/**
 * Counts what this node does with topics, by topic, over the last minute.
 *
 *   TJ1  It is bounded in topics: those of which nothing was heard for a minute are forgotten first, and what no longer fits is not counted.
 */
import { Clock, Context, Effect, Layer, Metric } from "effect"
import { type Figures, NO_FIGURES, sumOf } from "../filters/Figures.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"
import { Latencies } from "./Latencies.ts"
import { Pressure } from "./Pressure.ts"

/** TJ1 */
const TOPICS = 10_000
/** Seconds. */
const MINUTE = 60
const SLOTS = 6
const SLOT = MINUTE / SLOTS
/** Milliseconds without an answer. */
const STALLED = 1_000

const bytesGauge = gauge("herald_topic_bytes_under_way", "Bytes of events that publishers of this node wait for")
const stalledGauge = gauge(
  "herald_topic_partitions_stalled",
  "Partitions of which publishers wait for events and none was answered for a second"
)
const filteredCounter = counter(
  "herald_topic_filtered_total",
  "How often an event was looked at for a filter of readers or pages, by what became of it",
  each("outcome", ["matched", "other", "missing", "failed", "costly"])
)

export interface Rates {
  /** Events a second. */
  readonly in: number
  readonly out: number
  /** Readers that are connected now. */
  readonly readers: number
  /** Of the filters of readers and pages, all together. */
  readonly filters: Figures
}

/** Of the time since it was taken last. */
export interface Taken {
  readonly seconds: number
  readonly published: number
  readonly refused: number
  readonly sent: number
  readonly readers: number
  /** Milliseconds from when Herald had an event to its last live reader; null: nobody read. */
  readonly p50: number | null
  readonly p99: number | null
}

/** Pure state. A slot is ten seconds. */
class Counted {
  readonly #in = new Float64Array(SLOTS)
  readonly #out = new Float64Array(SLOTS)
  /** Undefined: nothing was filtered. */
  #filtered: Array<Figures> | undefined
  #slot: number
  readonly #since: number
  readers = 0
  refused = 0
  #published = 0
  #sent = 0
  #latencies: Latencies | undefined

  constructor(slot: number) {
    this.#slot = slot
    this.#since = slot
  }

  #turn(slot: number): number {
    for (let at = Math.max(this.#slot + 1, slot - SLOTS + 1); at <= slot; at++) {
      this.#in[at % SLOTS] = 0
      this.#out[at % SLOTS] = 0
      if (this.#filtered !== undefined) this.#filtered[at % SLOTS] = NO_FIGURES
    }
    this.#slot = Math.max(this.#slot, slot)
    return slot % SLOTS
  }

  add(slot: number, came: number, went: number): void {
    const at = this.#turn(slot)
    this.#in[at]! += came
    this.#out[at]! += went
    this.#published += came
    this.#sent += went
  }

  filter(slot: number, figures: Figures): void {
    const at = this.#turn(slot)
    this.#filtered ??= Array.from({ length: SLOTS }, () => NO_FIGURES)
    this.#filtered[at] = sumOf(this.#filtered[at]!, figures)
  }

  late(millis: number): void {
    this.#latencies ??= new Latencies()
    this.#latencies.add(millis)
  }

  /** Undefined: there was nothing. */
  take(seconds: number): Taken | undefined {
    const counts = { published: this.#published, refused: this.refused, sent: this.#sent, readers: this.readers }
    if (counts.published + counts.refused + counts.sent + counts.readers === 0) return undefined
    const [p50, p99] = [this.#latencies?.quantile(0.5) ?? null, this.#latencies?.quantile(0.99) ?? null]
    this.#published = this.refused = this.#sent = 0
    this.#latencies?.clear()
    return { seconds, ...counts, p50, p99 }
  }

  rates(slot: number): Rates {
    this.#turn(slot)
    const seconds = Math.min(SLOTS, slot - this.#since + 1) * SLOT
    const sum = (all: Float64Array) => all.reduce((total, one) => total + one, 0) / seconds
    const filters = this.#filtered?.reduce(sumOf) ?? NO_FIGURES
    return { in: sum(this.#in), out: sum(this.#out), readers: this.readers, filters }
  }

  isIdle(slot: number): boolean {
    return this.readers === 0 && slot - this.#slot >= SLOTS
  }
}

export class Activity extends Context.Service<
  Activity,
  {
    /** By a topic's id. */
    readonly published: (topic: number, events: number) => void
    readonly sent: (topic: number, events: number) => void
    /** Events that were to be published, and are not. */
    readonly refused: (topic: number, events: number) => void
    /** Filters of readers or pages were asked about events. What they name is theirs, and told nobody else. */
    readonly filtered: (topic: number, figures: Figures) => void
    /** A batch is with its last live reader, so many milliseconds after Herald had it. */
    readonly late: (topic: number, millis: number) => void
    /** By topic, what there was since this was called last. */
    readonly take: () => ReadonlyMap<number, Taken>
    /** A reader came. Call what this returns once, when it leaves. */
    readonly reading: (topic: number) => () => void
    readonly of: (topic: number) => Rates
    readonly pressure: Pressure
  }
>()("herald/topics/Activity") {
  static readonly layer = Layer.effect(
    Activity,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const context = yield* Effect.context<never>()
      const pressure = new Pressure(() => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n))
      let filtered = NO_FIGURES
      const tellFiltered = () => {
        const { looked, missingField: _, ...outcomes } = filtered
        if (looked === 0) return
        filtered = NO_FIGURES
        const other = Object.values(outcomes).reduce((rest, one) => rest - one, looked)
        for (const [outcome, events] of Object.entries({ ...outcomes, other }))
          Metric.withAttributes(filteredCounter, { outcome }).updateUnsafe(events, context)
      }
      const count = Effect.suspend(() => {
        tellFiltered()
        return Effect.andThen(
          Metric.update(bytesGauge, pressure.bytes),
          Metric.update(stalledGauge, pressure.all.filter(({ millis }) => millis >= STALLED).length)
        )
      })
      yield* Effect.forkScoped(afterEvery("what publishers wait for was not counted", "1 second", count))
      const topics = new Map<number, Counted>()
      const slotNow = () => Math.floor(clock.currentTimeMillisUnsafe() / (SLOT * 1_000))
      let looked = 0
      let taken = clock.monotonicTimeNanosUnsafe()
      /** Once a slot, so that many new topics cost no look at all of them each. */
      const forget = (slot: number) => {
        if (looked === slot) return
        looked = slot
        for (const [id, counted] of topics) if (counted.isIdle(slot)) topics.delete(id)
      }
      const its = (topic: number, slot: number): Counted | undefined => {
        let counted = topics.get(topic)
        if (counted !== undefined) return counted
        if (topics.size >= TOPICS) forget(slot)
        if (topics.size >= TOPICS) return undefined
        topics.set(topic, (counted = new Counted(slot)))
        return counted
      }
      return Activity.of({
        pressure,
        published: (topic, events) => {
          const slot = slotNow()
          its(topic, slot)?.add(slot, events, 0)
        },
        sent: (topic, events) => {
          const slot = slotNow()
          its(topic, slot)?.add(slot, 0, events)
        },
        refused: (topic, events) => {
          const counted = its(topic, slotNow())
          if (counted !== undefined) counted.refused += events
        },
        filtered: (topic, figures) => {
          if (figures.looked === 0) return
          const all = { ...figures, missingField: "" }
          filtered = sumOf(filtered, all)
          const slot = slotNow()
          its(topic, slot)?.filter(slot, all)
        },
        late: (topic, millis) => its(topic, slotNow())?.late(millis),
        take: () => {
          const now = clock.monotonicTimeNanosUnsafe()
          const seconds = Number(now - taken) / 1e9
          taken = now
          const all = new Map<number, Taken>()
          for (const [topic, counted] of topics) {
            const found = counted.take(seconds)
            if (found !== undefined) all.set(topic, found)
          }
          return all
        },
        reading: (topic) => {
          const counted = its(topic, slotNow())
          if (counted === undefined) return () => {}
          counted.readers++
          let open = true
          return () => {
            if (open) counted.readers--
            open = false
          }
        },
        of: (topic) => topics.get(topic)?.rates(slotNow()) ?? { in: 0, out: 0, readers: 0, filters: NO_FIGURES }
      })
    })
  )
}
