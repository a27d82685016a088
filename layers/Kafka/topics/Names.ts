/**
 * What the names of topics stand for in Kafka. It is bounded in entries, and as of at most a second ago.
 *
 *   KM3  Under a topic's name Kafka has what Herald made for it, by Kafka's id, or nothing is read there or written: each second in which it is used that is
 *        looked at, once for all who use it. One that others made under its name is told of.
 */
import { Effect, Metric } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { gauge } from "../../../src/telemetry/Metrics.ts"
import type { LogState, LogTopic } from "../../../src/topics/LogState.ts"
import { type PartitionId, partitionKey } from "../../../src/topics/Piece.ts"
import { kafkaName } from "../../../src/topics/Topic.ts"
import { describe } from "./Administering.ts"
import type { Brokers } from "./Brokers.ts"
import type { Sealer } from "./Sealing.ts"
import { away } from "./Waiting.ts"

const MOST = 50_000
/** Milliseconds. */
const FRESH = 1_000

export const sealerOf = (id: PartitionId, { sealKey }: LogTopic): Sealer => ({
  partition: partitionKey(id),
  key: Buffer.from(sealKey, "hex")
})

export interface NamesOptions {
  readonly brokers: Pick<Brokers, "askAny">
  readonly state: Pick<LogState["Service"], "topic">
  readonly now: () => number
  /** Called when Kafka has another topic for one of Herald's than before. */
  readonly changed: (topic: number) => void
}

const entered = <A>(map: Map<number, A>, id: number, value: A): void => {
  if (map.size >= MOST) map.clear()
  map.set(id, value)
}

const asked = (brokers: NamesOptions["brokers"], name: string) => brokers.askAny(describe(name))

export class Names {
  readonly #of: NamesOptions
  readonly #topics = new Map<number, { readonly topic: LogTopic | undefined; readonly at: number }>()
  readonly #seen = new Map<number, { readonly as: string; readonly at: number }>()
  readonly #theirs = new Set<number>()
  /** Questions that are under way, and since when. */
  readonly #asked = new Map<string, { readonly at: number; readonly found: ReturnType<typeof asked> }>()

  constructor(of: NamesOptions) {
    this.#of = of
  }

  /** It may have changed. */
  forget(id: number): void {
    this.#topics.delete(id)
  }

  topic(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return Effect.suspend(() => {
      const now = this.#of.now()
      const held = this.#topics.get(id)
      if (held !== undefined && now - held.at < FRESH) return Effect.succeed(held.topic)
      return Effect.tap(this.#of.state.topic(id), (topic) =>
        Effect.sync(() => entered(this.#topics, id, { topic, at: now }))
      )
    })
  }

  /** The same, and Kafka has it. Fails besides `KafkaTopicExists`. KM3 */
  ours(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const { now } = this.#of
      const topic = yield* this.topic(id)
      if (topic === undefined) {
        if (this.#theirs.delete(id)) yield* this.#counted
        return undefined
      }
      const seen = this.#seen.get(id)
      if (seen !== undefined && seen.as === topic.madeAs && now() - seen.at < FRESH) return topic
      const name = kafkaName(topic.name)
      const { at, found: question } = this.#ask(name)
      const found = yield* Effect.tryPromise({ try: () => question, catch: away })
      if (found === undefined) return topic // whatever is asked of it is refused
      if (found.id !== topic.madeAs) {
        this.forget(id) // another node may have made it anew
        const newest = yield* this.topic(id)
        if (newest === undefined) return undefined
        if (newest.madeAs !== found.id) return yield* this.#refused(id, name)
      }
      if (this.#theirs.delete(id)) yield* this.#counted
      entered(this.#seen, id, { as: found.id, at })
      if (seen !== undefined && seen.as !== found.id) this.#of.changed(id)
      return yield* this.topic(id)
    })
  }

  #ask(name: string) {
    const before = this.#asked.get(name)
    if (before !== undefined) return before
    const { brokers, now } = this.#of
    const one = { at: now(), found: asked(brokers, name) }
    this.#asked.set(name, one)
    const over = () => void this.#asked.delete(name)
    one.found.then(over, over)
    return one
  }

  get #counted() {
    return Metric.update(theirsGauge, this.#theirs.size)
  }

  #refused(id: number, name: string): Effect.Effect<never, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const seen = this.#seen.get(id)
      if (seen !== undefined) entered(this.#seen, id, { as: seen.as, at: Number.NEGATIVE_INFINITY })
      if (!this.#theirs.has(id) && this.#theirs.size < MOST) {
        this.#theirs.add(id)
        yield* this.#counted
        yield* Effect.logError(
          "Kafka has a topic of that name that Herald did not make: it is neither read nor written",
          {
            topic: name
          }
        )
      }
      return yield* failure(
        "KafkaTopicExists",
        `Kafka has another topic ${name} now than the one that was made for this one, whose events are gone`
      )
    })
  }
}

const theirsGauge = gauge(
  "herald_topic_kafka_foreign_topics",
  "Topics that Kafka has made anew for others under a name of Herald's, and that this node neither reads nor writes"
)
