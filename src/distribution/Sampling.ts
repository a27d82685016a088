/**
 * Counts what a node does with topics, and writes it in rounds.
 *
 *   GS3  Nothing is written for each event: numbers are added up, and written when a minute is over, of each topic of which anything was heard: so they are of
 *        that minute.
 *   GS4  Of deliveries those that failed are kept, and of the others one of `ONE_OF`, or all as STATISTICS_DELIVERIES says; never more than `BYTES`
 *        until they are written, every `ROUND`, of which one subscription has a share; `PAGE` in a statement. What can't be written is dropped and
 *        counted: written once more it might count twice.
 */
import { Clock, Effect, Layer, Metric } from "effect"
import { type Fate, Fates, type Served } from "../subscriptions/Fates.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { Activity } from "../topics/Activity.ts"
import { messageIdText } from "../topics/MessageId.ts"
import { type Delivery, type Sample, StatisticsStore } from "./StatisticsStore.ts"

export const ONE_OF = 64
/** About, of all deliveries of a round, and of those of one subscription. */
export const BYTES = {
  sampled: { all: 1_048_576, share: 131_072 },
  complete: { all: 16_777_216, share: 4_194_304 }
}
/** Of a row beside its texts. */
const ROW = 128
export const PAGE = 1_000
/** Characters of a cause. */
const LONGEST = 1_000
/** Milliseconds. */
const MINUTE = 60_000
const SECOND = 1_000
const ROUND = "10 seconds"

export interface SamplingOptions {
  /** This life of the node. */
  readonly run: string
  readonly deliveries: "off" | "sampled" | "complete"
}

const deliveryOf = ({ subscription, partition, epoch, offset, attempts, latency, status, cause }: Fate): Delivery => ({
  topic: subscription.topicId,
  subscription: subscription.subscriptionName,
  id: messageIdText({ topic: subscription.topicName, partition, epoch, offset }),
  ...{ offset, latency: Math.max(0, latency), retries: attempts, status },
  error: cause.slice(0, LONGEST).toWellFormed().replaceAll("\u0000", "\ufffd")
})

/** Pure state. */
class Gathered {
  readonly #mode: SamplingOptions["deliveries"]
  /** By topic: deliveries that were accepted, and that failed. */
  readonly counts = new Map<number, { delivered: number; failed: number }>()
  served = new Map<number, Served>()
  deliveries: Array<Delivery & { readonly at: number }> = []
  dropped = 0
  #bytes = 0
  /** By subscription. */
  readonly #shares = new Map<string, number>()
  #accepted = 0

  constructor(mode: SamplingOptions["deliveries"]) {
    this.#mode = mode
  }

  /** `at`: milliseconds of whichever clock. */
  note(fate: Fate, at: number): void {
    const topic = fate.subscription.topicId
    let counts = this.counts.get(topic)
    if (counts === undefined) this.counts.set(topic, (counts = { delivered: 0, failed: 0 }))
    const isGood = fate.status === "delivered"
    if (isGood) counts.delivered++
    else counts.failed++
    if (this.#mode === "off" || (isGood && this.#mode === "sampled" && this.#accepted++ % ONE_OF !== 0)) return
    const delivery = deliveryOf(fate)
    const bytes = ROW + 2 * (delivery.id.length + delivery.subscription.length + delivery.error.length)
    const { id } = fate.subscription
    const share = (this.#shares.get(id) ?? 0) + bytes
    const most = BYTES[this.#mode]
    if (share > most.share || this.#bytes + bytes > most.all) this.dropped++
    else {
      this.deliveries.push({ ...delivery, at })
      this.#bytes += bytes
      this.#shares.set(id, share)
    }
  }

  /** What was gathered of deliveries, and how many were dropped: once. */
  take(): readonly [ReadonlyArray<Delivery & { readonly at: number }>, number] {
    const taken = [this.deliveries, this.dropped] as const
    this.deliveries = []
    this.dropped = this.#bytes = 0
    this.#shares.clear()
    return taken
  }

  serving(all: ReadonlyArray<Served>): void {
    this.served = new Map()
    for (const { topic, consumers } of all)
      this.served.set(topic, { topic, consumers: consumers + (this.served.get(topic)?.consumers ?? 0) })
  }
}

/** What the node did since it was asked last, of each topic of which there is anything. */
const samplesOf = (
  taken: ReturnType<typeof Activity.Service.take>,
  { counts, served }: Gathered,
  elapsed: number
): ReadonlyArray<Sample> => {
  const topics = new Set([...taken.keys(), ...counts.keys(), ...served.keys()])
  const samples = [...topics].map((topic): Sample => {
    const { seconds, published, refused, sent, readers, p50, p99 } = taken.get(topic) ?? {
      ...NOTHING,
      seconds: elapsed
    }
    const { delivered, failed } = counts.get(topic) ?? { delivered: 0, failed: 0 }
    const consumers = (served.get(topic)?.consumers ?? 0) + readers
    return { topic, seconds, published, refused, sent, delivered, failed, p50, p99, consumers }
  })
  counts.clear()
  return samples
}
const NOTHING = { published: 0, refused: 0, sent: 0, readers: 0, p50: null, p99: null }

const make = Effect.fnUntraced(function* ({ run, deliveries: mode }: SamplingOptions) {
  const store = yield* StatisticsStore
  const activity = yield* Activity
  const clock = yield* Clock.Clock
  const gathered = new Gathered(mode)
  /** Of a clock that nobody sets. */
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let sampled = now()

  const pages = <A>(
    kind: (typeof KINDS)[number],
    all: ReadonlyArray<A>,
    write: (page: ReadonlyArray<A>) => ReturnType<typeof store.write>
  ) =>
    Effect.gen(function* () {
      for (let at = 0; at < all.length; at += PAGE)
        yield* Effect.tapError(write(all.slice(at, at + PAGE)), () => dropped(kind, all.length - at))
    })
  const dropped = (kind: (typeof KINDS)[number], count: number) =>
    count === 0 ? Effect.void : Metric.update(Metric.withAttributes(droppedTotal, { kind }), count)

  const samples = Effect.suspend(() => {
    const elapsed = (now() - sampled) / SECOND
    sampled = now()
    return pages("samples", samplesOf(activity.take(), gathered, elapsed), (page) =>
      store.write({ run, samples: page, deliveries: [] })
    )
  })
  const deliveries = Effect.suspend(() => {
    const [all, lost] = gathered.take()
    const write = pages("deliveries", all, (page) => {
      const moment = now()
      const told = page.map(({ at, ...one }) => ({ ...one, ago: moment - at }))
      return store.write({ run, samples: [], deliveries: told })
    })
    return Effect.andThen(dropped("deliveries", lost), write)
  })
  const minuteOver = Effect.suspend(() => {
    const left = MINUTE - (clock.currentTimeMillisUnsafe() % MINUTE)
    return Effect.sleep(left < SECOND ? left + MINUTE : left)
  })
  yield* Effect.forkScoped(afterEvery("statistics of topics were not written", minuteOver, samples))
  yield* Effect.forkScoped(afterEvery("deliveries were not written down", ROUND, deliveries))
  return {
    note: (fate: Fate) => gathered.note(fate, now()),
    serving: (all: ReadonlyArray<Served>) => gathered.serving(all)
  }
})

export const layer = (options: SamplingOptions) => Layer.effect(Fates, make(options))

const KINDS = ["samples", "deliveries"] as const
const droppedTotal = counter(
  "herald_topic_statistics_dropped_total",
  "samples of topics and deliveries that were not written down, as there were too many or the database did not take them",
  each("kind", KINDS)
)
